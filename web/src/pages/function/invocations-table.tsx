import { ChevronDown, ChevronRight } from "lucide-react";
import { Fragment, type ReactNode, useState } from "react";
import type { InvocationItem } from "../../api.ts";
import { CodeBlock, LogLines, prettyJson } from "../../ui/code-block.tsx";
import { CopyButton } from "../../ui/copy.tsx";
import { formatDuration, formatTime } from "../../ui/format.ts";
import { StatusBadge } from "../../ui/states.tsx";
import { Ago } from "../../ui/time.tsx";

/** Invocations, each of which opens to all that is kept of it. */
export function InvocationsTable({
  items,
  open,
}: {
  readonly items: readonly InvocationItem[];
  /** The request id of one that is open from the start. */
  readonly open: string | undefined;
}): ReactNode {
  const [opened, setOpened] = useState<string | null>(null);
  return (
    <div className="table-scroll">
      <table className="table invocations">
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Outcome</th>
            <th scope="col" className="number">
              Duration
            </th>
            <th scope="col">What it said</th>
          </tr>
        </thead>
        <tbody>
          {items.map((item) => {
            const isOpen = item.id === opened || (opened === null && item.request_id === open);
            return (
              <Fragment key={item.id}>
                <Row item={item} isOpen={isOpen} toggle={() => setOpened(isOpen ? "" : item.id)} />
                {isOpen && (
                  <tr className="invocation-open">
                    <td colSpan={4}>
                      <Details item={item} />
                    </td>
                  </tr>
                )}
              </Fragment>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

interface RowProps {
  readonly item: InvocationItem;
  readonly isOpen: boolean;
  readonly toggle: () => void;
}

function Row({ item, isOpen, toggle }: RowProps): ReactNode {
  const Chevron = isOpen ? ChevronDown : ChevronRight;
  const said = item.error ?? item.logs[0] ?? item.response ?? "";
  return (
    <tr>
      <td>
        <button
          type="button"
          className="invocation-toggle"
          aria-expanded={isOpen}
          title={formatTime(item.invoked_at)}
          onClick={toggle}
        >
          <Chevron size={15} aria-hidden />
          <Ago time={item.invoked_at} />
        </button>
      </td>
      <td>
        <StatusBadge status={item.status} />
      </td>
      <td className="number">
        {formatDuration(item.duration_ms)}
        {item.cold_start && <div className="subtle">cold start</div>}
      </td>
      <td className="invocation-said">
        <code>{said.split("\n")[0]}</code>
      </td>
    </tr>
  );
}

function Details({ item }: { readonly item: InvocationItem }): ReactNode {
  const { event, response, error, error_type: type, stack, logs } = item;
  return (
    <div className="stack">
      <p className="subtle">
        {formatTime(item.invoked_at)}, request <code>{item.request_id}</code>
        <CopyButton text={item.request_id} label="Copy the request id" />
        {item.vm_id !== null && (
          <>
            in VM <code>{item.vm_id.slice(0, 8)}</code>
          </>
        )}
      </p>
      <div className="columns">
        <CodeBlock label="Event" text={prettyJson(event)} />
        {error === null ? (
          <CodeBlock label="Response" text={prettyJson(response ?? "null")} />
        ) : (
          <CodeBlock
            label="Error"
            text={[`${type}: ${error}`, stack].filter(Boolean).join("\n\n")}
          />
        )}
      </div>
      {logs.length > 0 ? (
        <CodeBlock label="Logs" text={logs.join("\n")}>
          <LogLines lines={logs} />
        </CodeBlock>
      ) : (
        <p className="subtle">It printed nothing.</p>
      )}
    </div>
  );
}
