import { lazy, type ReactNode, Suspense } from "react";
import { Skeleton } from "../../ui/notices.tsx";

export interface CodeEditorProps {
  /** The runtime, which says what language it is. */
  readonly runtime: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  /** What the guest said of this code, with the place in it. */
  readonly error?: string | null;
}

export interface CodeDifferenceProps {
  readonly runtime: string;
  readonly before: string;
  readonly after: string;
  /** Whether what is the same is shown, too. */
  readonly whole: boolean;
}

const Editor = lazy(async () => ({ default: (await import("./code-mirror.tsx")).CodeMirror }));
const Difference = lazy(async () => ({
  default: (await import("./code-mirror.tsx")).CodeMirrorDifference,
}));

/** An editor for a function's code; CodeMirror comes with the first one. */
export function CodeEditor(props: CodeEditorProps): ReactNode {
  return (
    <Suspense fallback={<Skeleton height={420} />}>
      <Editor {...props} />
    </Suspense>
  );
}

/** What is different between two states of a function's code. */
export function CodeDifference(props: CodeDifferenceProps): ReactNode {
  return (
    <Suspense fallback={<Skeleton height={300} />}>
      <Difference {...props} />
    </Suspense>
  );
}
