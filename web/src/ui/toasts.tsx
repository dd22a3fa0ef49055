import { Toast } from "@base-ui/react/toast";
import type { ReactNode } from "react";
import { describeError } from "./notices.tsx";

const manager = Toast.createToastManager();

/** Says that something was done. */
export function toast(title: string): void {
  manager.add({ title });
}

/** Says that something could not be done, and why. */
export function toastError(title: string, error: unknown): void {
  manager.add({ title, description: describeError(error), type: "error", timeout: 12_000 });
}

/** Where they appear; screen readers are told of them. */
export function Toasts(): ReactNode {
  return (
    <Toast.Provider toastManager={manager} timeout={5_000}>
      <Toast.Portal>
        <Toast.Viewport className="toasts">
          <List />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function List(): ReactNode {
  const { toasts } = Toast.useToastManager();
  return toasts.map((item) => (
    <Toast.Root key={item.id} toast={item} className="toast" data-type={item.type}>
      <Toast.Title render={<h3 />} />
      <Toast.Description className="subtle" />
    </Toast.Root>
  ));
}
