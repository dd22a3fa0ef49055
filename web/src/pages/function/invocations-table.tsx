import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ChevronDown, ChevronRight } from "lucide-react";
import { Fragment, type ReactNode, useState } from "react";
import { failureText, type InvocationItem } from "../../api.ts";
import { vmsQuery } from "../../queries.ts";
import { Button } from "../../ui/button.tsx";
import { CodeBlock, LogLines, prettyJson } from "../../ui/code-block.tsx";
import { CopyButton } from "../../ui/copy.tsx";
import { formatDuration, formatTime } from "../../ui/format.ts";
import { StatusBadge } from "../../ui/states.tsx";
import { Ago } from "../../ui/time.tsx";

/** Invocations, each of which opens to all that is kept of it. */
export function InvocationsTable({
  items,
  open,
  onVm,
}: {
  readonly items: readonly InvocationItem[];
  /** The request id of one that is open from the start. */
  readonly open: string | undefined;
  /** Shows what else ran in that VM. */
  readonly onVm: (vm: string) => void;
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
                      <Details item={item} onVm={onVm} />
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

interface DetailsProps {
  readonly item: InvocationItem;
  readonly onVm: (vm: string) => void;
}

function Details({ item, onVm }: DetailsProps): ReactNode {
  const { event, response, vm_id: vm, logs } = item;
  const failure = failureText(item);
  return (
    <div className="stack">
      <p className="subtle">
        {formatTime(item.invoked_at)}, request <code>{item.request_id}</code>
        <CopyButton text={item.request_id} label="Copy the request id" />
      </p>
      {vm !== null && <RanIn vm={vm} show={() => onVm(vm)} />}
      <div className="columns">
        <CodeBlock label="Event" text={prettyJson(event)} />
        {failure === null ? (
          <CodeBlock label="Response" text={prettyJson(response ?? "null")} />
        ) : (
          <CodeBlock label="Error" text={failure} />
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

/** The VM of a call, which has a page while it runs. */
function RanIn({ vm, show }: { readonly vm: string; readonly show: () => void }): ReactNode {
  const { data } = useQuery(vmsQuery);
  const running = data?.find(({ id }) => id === vm);
  return (
    <div className="toolbar">
      <span className="subtle">
        In VM{" "}
        {running ? (
          <Link to="/vms/$vm" params={{ vm: running.name }}>
            {running.name}
          </Link>
        ) : (
          <code>{vm.slice(0, 8)}</code>
        )}
        {data && !running && ", which has gone"}
      </span>
      <Button size="small" variant="quiet" onClick={show}>
        All calls of this VM
      </Button>
    </div>
  );
}
