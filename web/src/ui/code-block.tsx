import type { ReactNode } from "react";
import { CopyButton } from "./copy.tsx";

/** A program's text, as it is: never read as HTML. */
export function CodeBlock({
  label,
  text,
  children,
}: {
  readonly label: string;
  readonly text: string;
  /** Shown in the place of `text`, which is what is copied. */
  readonly children?: ReactNode;
}): ReactNode {
  return (
    <div className="code-part">
      <div className="code-part-head">
        <h3>{label}</h3>
        <CopyButton text={text} label={`Copy ${label.toLowerCase()}`} />
      </div>
      {/* What scrolls can be reached by keyboard. */}
      <pre className="code-block" tabIndex={0} aria-label={label}>
        {children ?? text}
      </pre>
    </div>
  );
}

/** Lines with their numbers, which are not copied with them. */
export function LogLines({ lines }: { readonly lines: readonly string[] }): ReactNode {
  return lines.map((line, index) => (
    <span key={index} className="log-line" data-number={index + 1}>
      {line}
      {"\n"}
    </span>
  ));
}

/** JSON text, set out where it is whole and valid. */
export function prettyJson(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
