import "@xterm/xterm/css/xterm.css";
import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import { type ReactNode, useEffect, useRef } from "react";
import type { VmShellItem } from "../../api.ts";
import { type ShellEvents, ShellSession } from "./shell-session.ts";

/** The same in light and in dark: programs choose their colours for a dark screen. */
const theme = {
  background: "#17130f",
  foreground: "#f3ede7",
  cursor: "#ff9152",
  cursorAccent: "#17130f",
  selectionBackground: "#5c4433",
  black: "#2b2520",
  red: "#ff8f86",
  green: "#6fd797",
  yellow: "#f6bd55",
  blue: "#7db4ff",
  magenta: "#c79bff",
  cyan: "#5fd4c4",
  white: "#e2dbd4",
  brightBlack: "#8f857b",
  brightRed: "#ffb3ac",
  brightGreen: "#9be8b8",
  brightYellow: "#ffd78f",
  brightBlue: "#a9cdff",
  brightMagenta: "#dcc0ff",
  brightCyan: "#8fe6da",
  brightWhite: "#ffffff",
};

const font = '"JetBrains Mono Variable", ui-monospace, monospace';

/** A terminal and the shell in it, from when it is shown until it is taken away. */
export function TerminalScreen({
  vmId,
  credentials,
  screenReader,
  onLeave,
  ...events
}: ShellEvents & {
  readonly vmId: string;
  readonly credentials: VmShellItem;
  /** Lines are there as text too, and are read out as they come. */
  readonly screenReader: boolean;
  /** Called when the keys that leave it are pressed. */
  readonly onLeave: () => void;
}): ReactNode {
  const place = useRef<HTMLDivElement>(null);
  const terminal = useRef<Terminal>(null);
  const handlers = useRef({ onLeave, ...events, screenReader });
  useEffect(() => {
    handlers.current = { onLeave, ...events, screenReader };
    if (terminal.current) terminal.current.options.screenReaderMode = screenReader;
  });

  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    const stop = new AbortController();
    const begin = async (signal: AbortSignal) => {
      // Its letters are measured when it opens.
      await document.fonts.load(`13px ${font}`).catch(() => undefined);
      if (signal.aborted) return;
      const screen = openScreen(element, handlers.current.screenReader, signal);
      terminal.current = screen;
      screen.attachCustomKeyEventHandler((event) => takeKey(event, screen, handlers.current));
      const session = new ShellSession(screen, {
        vmId,
        credentials,
        onPhase: (phase) => handlers.current.onPhase(phase),
        onLogin: (state) => handlers.current.onLogin(state),
      });
      signal.addEventListener("abort", () => session.close());
      screen.focus();
    };
    void begin(stop.signal);
    return () => stop.abort();
  }, [vmId, credentials]);

  return <div ref={place} className="vm-screen" />;
}

/** A terminal of the size of its place, until `signal`. */
function openScreen(
  element: HTMLElement,
  screenReaderMode: boolean,
  signal: AbortSignal,
): Terminal {
  const terminal = new Terminal({
    theme,
    fontFamily: font,
    fontSize: 13,
    lineHeight: 1.15,
    cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    minimumContrastRatio: 4.5,
    scrollback: 5_000,
    screenReaderMode,
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.open(element);
  terminal.textarea?.setAttribute("aria-label", "Terminal");
  fit.fit();
  const observer = new ResizeObserver(() => {
    // On a tab that is not shown it has no size.
    if (element.offsetParent !== null) fit.fit();
  });
  observer.observe(element);
  signal.addEventListener("abort", () => {
    observer.disconnect();
    terminal.dispose();
  });
  return terminal;
}

/** False for keys that are the page's own. */
function takeKey(
  event: KeyboardEvent,
  terminal: Terminal,
  { onLeave }: { readonly onLeave: () => void },
): boolean {
  if (!event.ctrlKey || !event.shiftKey) return true;
  if (event.key === "Enter") {
    event.preventDefault();
    if (event.type === "keydown") onLeave();
    return false;
  }
  if (event.code === "KeyC" && terminal.hasSelection()) {
    event.preventDefault();
    if (event.type === "keydown") void navigator.clipboard.writeText(terminal.getSelection());
    return false;
  }
  // The browser pastes by itself.
  return event.code !== "KeyV";
}
