import { type ReactNode, useEffect, useRef } from "react";
import { isDialogOpen } from "../../ui/dialog.tsx";

interface Shortcuts {
  /** Ctrl-S, or Command-S on a Mac. */
  readonly onSave: () => void;
  /** Ctrl-Enter, or Command-Enter. */
  readonly onTest: () => void;
}

/** Keys that hold on a whole page, also where the editor is not what is focused. */
export function useShortcuts(shortcuts: Shortcuts): void {
  const latest = useRef(shortcuts);
  useEffect(() => {
    latest.current = shortcuts;
  });
  useEffect(() => {
    const hear = (event: KeyboardEvent) => {
      const { key, ctrlKey, metaKey, altKey, shiftKey } = event;
      if (ctrlKey === metaKey || altKey || shiftKey || event.defaultPrevented) return;
      if (key !== "s" && key !== "Enter") return;
      event.preventDefault();
      // What a dialog asks comes first.
      if (event.repeat || isDialogOpen()) return;
      if (key === "s") latest.current.onSave();
      else latest.current.onTest();
    };
    // Before the editor, which has another meaning for one of them.
    window.addEventListener("keydown", hear, { capture: true });
    return () => window.removeEventListener("keydown", hear, { capture: true });
  }, []);
}

const modifier = /Mac|iPhone|iPad/.test(navigator.userAgent) ? "⌘" : "Ctrl";

/** What the keys do. */
export function ShortcutsHint({
  save,
  test,
}: {
  readonly save: string;
  readonly test: string;
}): ReactNode {
  return (
    <p className="subtle shortcuts">
      <kbd>{modifier}</kbd> <kbd>S</kbd> {save}, <kbd>{modifier}</kbd> <kbd>Enter</kbd> {test}
    </p>
  );
}
