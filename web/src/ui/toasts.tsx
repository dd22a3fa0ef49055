import { Toast } from "@base-ui/react/toast";
import type { ReactNode } from "react";

const manager = Toast.createToastManager();

/** Says that something was done. */
export function toast(title: string): void {
  manager.add({ title });
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
    <Toast.Root key={item.id} toast={item} className="toast">
      <Toast.Title render={<h3 />} />
      <Toast.Description className="subtle" />
    </Toast.Root>
  ));
}
