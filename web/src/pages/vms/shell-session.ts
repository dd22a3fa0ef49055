import type { Terminal } from "@xterm/xterm";
import { openVmSocket, type VmShellItem } from "../../api.ts";
import { LoginPilot, type LoginState } from "./login-pilot.ts";

/** Where a shell is: once closed it does not come back. */
export type ShellPhase =
  | { readonly kind: "connecting" | "open" }
  /** `opened` is false where there was never a connection; the reason is the manager's. */
  | { readonly kind: "closed"; readonly opened: boolean; readonly reason: string };

/** What becomes of a shell. */
export interface ShellEvents {
  readonly onPhase: (phase: ShellPhase) => void;
  readonly onLogin: (state: LoginState) => void;
}

/** What the manager takes in one message is far more; a paste may be more than that. */
const pieceBytes = 64 * 1024;

/** A shell in a VM whose terminal is `terminal`; it logs in by itself. */
export class ShellSession {
  readonly #socket: WebSocket;
  readonly #pilot: LoginPilot;
  readonly #events: ShellEvents;
  readonly #decoder = new TextDecoder();
  #opened = false;
  #left = false;

  constructor(
    terminal: Terminal,
    {
      vmId,
      credentials,
      ...events
    }: ShellEvents & { readonly vmId: string; readonly credentials: VmShellItem },
  ) {
    this.#events = events;
    this.#pilot = new LoginPilot(credentials);
    const { cols, rows } = terminal;
    const socket = openVmSocket(vmId, `shell/ws?cols=${cols}&rows=${rows}`);
    this.#socket = socket;
    events.onPhase({ kind: "connecting" });
    events.onLogin(this.#pilot.state);
    socket.addEventListener("open", () => {
      this.#opened = true;
      // It may have been given another size meanwhile.
      this.#resize(terminal);
      events.onPhase({ kind: "open" });
    });
    socket.addEventListener("message", ({ data }: MessageEvent<ArrayBuffer>) => {
      const bytes = new Uint8Array(data);
      terminal.write(bytes);
      this.#logIn(this.#decoder.decode(bytes, { stream: true }));
    });
    socket.addEventListener("close", ({ reason }) => {
      if (!this.#left) events.onPhase({ kind: "closed", opened: this.#opened, reason });
    });
    terminal.onData((text) => this.#type(new TextEncoder().encode(text)));
    // Reports of the mouse, which are bytes and no text.
    terminal.onBinary((text) => this.#type(Uint8Array.from(text, (char) => char.charCodeAt(0))));
    terminal.onResize(() => this.#resize(terminal));
  }

  /** Hangs up; nothing more is told of it. */
  close(): void {
    this.#left = true;
    this.#socket.close();
  }

  #type(bytes: Uint8Array<ArrayBuffer>): void {
    this.#pilot.leaveToUser();
    this.#events.onLogin(this.#pilot.state);
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      this.#send(bytes.subarray(at, at + pieceBytes));
    }
  }

  #logIn(printed: string): void {
    const { state } = this.#pilot;
    const answer = this.#pilot.read(printed);
    if (answer !== null) this.#send(new TextEncoder().encode(answer));
    if (this.#pilot.state !== state) this.#events.onLogin(this.#pilot.state);
  }

  #resize({ cols, rows }: Terminal): void {
    this.#send(JSON.stringify({ type: "resize", cols, rows }));
  }

  #send(data: string | Uint8Array<ArrayBuffer>): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(data);
  }
}
