import { Dialog as Base } from "@base-ui/react/dialog";
import type { ReactNode } from "react";

/** Whether one is open; toasts are no dialogs, though screen readers are told that they are. */
export function isDialogOpen(): boolean {
  return document.querySelector(".dialog[data-open]") !== null;
}

/** Something that has to be decided or read before anything else. Escape closes it. */
export function Dialog({
  title,
  open,
  onClose,
  wide = false,
  children,
}: {
  readonly title: string;
  readonly open: boolean;
  readonly onClose: () => void;
  readonly wide?: boolean;
  readonly children: ReactNode;
}): ReactNode {
  return (
    <Base.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Base.Portal>
        <Base.Backdrop className="dialog-backdrop" />
        <Base.Popup className={wide ? "dialog wide" : "dialog"}>
          <Base.Title render={<h2 />}>{title}</Base.Title>
          {children}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}
