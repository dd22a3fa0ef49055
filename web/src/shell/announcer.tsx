import { useRouter } from "@tanstack/react-router";
import { type ReactNode, useEffect, useState } from "react";

/**
 * Says which page has come, to those who do not see it, as a browser does where it loads one. What
 * was focused on the page before has gone with it: then the page itself is focused.
 */
export function Announcer({ page }: { readonly page: string }): ReactNode {
  const router = useRouter();
  const [title, setTitle] = useState("");
  useEffect(
    () =>
      router.subscribe("onRendered", ({ fromLocation, pathChanged }) => {
        // The first page is read out by itself.
        if (fromLocation === undefined || !pathChanged) return;
        setTitle(document.title);
        if (document.activeElement === document.body) {
          document.querySelector<HTMLElement>(page)?.focus({ preventScroll: true });
        }
      }),
    [router, page],
  );
  return (
    <p className="visually-hidden" role="status">
      {title}
    </p>
  );
}
