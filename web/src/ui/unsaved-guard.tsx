import { useBlocker } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";

/** Asks before a page is left on which something is written that is not saved, by a reload too. */
export function UnsavedGuard({ unsaved }: { readonly unsaved: boolean }): ReactNode {
  const { status, proceed, reset } = useBlocker({
    shouldBlockFn: ({ current, next }) => unsaved && current.pathname !== next.pathname,
    enableBeforeUnload: () => unsaved,
    disabled: !unsaved,
    withResolver: true,
  });
  return (
    <Dialog title="Leave without saving?" open={status === "blocked"} onClose={() => reset?.()}>
      <p>What you changed on this page would be lost.</p>
      <div className="actions">
        <Button onClick={() => reset?.()}>Stay</Button>
        <Button variant="danger" onClick={() => proceed?.()}>
          Leave
        </Button>
      </div>
    </Dialog>
  );
}
