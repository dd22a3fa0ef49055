import { CircleAlert, Info, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { ApiError, UnreachableError } from "../api.ts";
import { Button } from "./button.tsx";

const icons = { bad: CircleAlert, progress: TriangleAlert, calm: Info } as const;

/** Something that should be read: `bad` went wrong, `progress` is a warning, `calm` is good to know. */
export function Notice({
  tone,
  children,
}: {
  readonly tone: keyof typeof icons;
  readonly children: ReactNode;
}): ReactNode {
  const Icon = icons[tone];
  return (
    <div className={`notice tone-${tone}`} role={tone === "bad" ? "alert" : "note"}>
      <Icon size={17} aria-hidden />
      <div>{children}</div>
    </div>
  );
}

/** What the manager said that was wrong, with the id to find it by in its log. */
export function ErrorNotice({
  error,
  retry,
}: {
  readonly error: unknown;
  /** Offered where trying again could help: where the manager did not answer, or was at fault. */
  readonly retry?: () => void;
}): ReactNode {
  return (
    <Notice tone="bad">
      <p>{describeError(error)}</p>
      {error instanceof ApiError && error.requestId !== null && (
        <p className="subtle">
          Request <code>{error.requestId}</code>
        </p>
      )}
      {retry && mayPass(error) && (
        <div className="actions">
          <Button size="small" onClick={retry}>
            Try again
          </Button>
        </div>
      )}
    </Notice>
  );
}

function mayPass(error: unknown): boolean {
  return !(error instanceof ApiError) || error.status >= 500;
}

/** A sentence for people. */
export function describeError(error: unknown): string {
  if (error instanceof UnreachableError) return "The manager does not answer. Is it running?";
  return error instanceof Error ? error.message : String(error);
}

/** Where something will be; says so to those who cannot see it. */
export function Skeleton({
  height = 16,
  width = "100%",
}: {
  readonly height?: number;
  readonly width?: number | string;
}): ReactNode {
  return <div className="skeleton" style={{ height, width }} aria-hidden />;
}

/** What is shown of a page or card until it is there. */
export function Loading({ lines = 4 }: { readonly lines?: number }): ReactNode {
  return (
    <div className="page" role="status">
      <span className="visually-hidden">Loading</span>
      {Array.from({ length: lines }, (_, index) => (
        <Skeleton key={index} height={20} width={`${92 - ((index * 23) % 40)}%`} />
      ))}
    </div>
  );
}
