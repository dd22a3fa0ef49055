import type { ReactNode } from "react";
import { failureText, type InvokeResponse } from "../api.ts";
import { CodeBlock, LogLines } from "./code-block.tsx";
import { formatDuration } from "./format.ts";
import { StatusBadge } from "./states.tsx";

/** How an invocation ended, read out as soon as there is one. */
export function InvokeResult({
  result,
}: {
  readonly result: InvokeResponse | undefined;
}): ReactNode {
  return <div aria-live="polite">{result && <Result result={result} />}</div>;
}

/** What it answered or why it failed, and what it printed. */
function Result({ result }: { readonly result: InvokeResponse }): ReactNode {
  const { status, logs } = result;
  return (
    <section className="invoke-result" aria-label="Result">
      <div className="toolbar">
        <StatusBadge status={status} />
        <span>{formatDuration(result.duration_ms)}</span>
        {result.cold_start && <span className="badge tone-calm">Cold start</span>}
        <span className="subtle">
          Request <code>{result.request_id}</code>
        </span>
      </div>
      {status === "success" ? (
        <CodeBlock label="Response" text={JSON.stringify(result.response, null, 2)} />
      ) : (
        <CodeBlock label="Error" text={failureText(result) ?? ""} />
      )}
      {logs.length > 0 && (
        <CodeBlock label="Logs" text={logs.join("\n")}>
          <LogLines lines={logs} />
        </CodeBlock>
      )}
    </section>
  );
}
