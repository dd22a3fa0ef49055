import { Compass } from "lucide-react";
import type { ReactNode } from "react";
import { ButtonLink } from "../ui/button.tsx";
import { ErrorNotice } from "../ui/notices.tsx";
import { Empty, PageHeader } from "../ui/page.tsx";

export function NotFound(): ReactNode {
  return (
    <div className="page">
      <PageHeader title="Page not found" />
      <Empty
        icon={Compass}
        title="There is no such page"
        action={
          <ButtonLink to="/functions" variant="primary">
            Functions
          </ButtonLink>
        }
      >
        The address may be mistyped, or what it was about has been deleted.
      </Empty>
    </div>
  );
}

/** A page that could not be shown: a bug of ours, or a manager that was updated under it. */
export function PageError({ error }: { readonly error: unknown }): ReactNode {
  return (
    <div className="page">
      <PageHeader title="This page failed" />
      <ErrorNotice error={error} retry={() => window.location.reload()} />
    </div>
  );
}
