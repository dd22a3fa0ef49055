import "./functions.css";
import { Link } from "@tanstack/react-router";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp, Play, ScrollText } from "lucide-react";
import { type ReactNode, useLayoutEffect, useRef, useState } from "react";
import { Button, ButtonLink } from "../../ui/button.tsx";
import { formatCount, formatPercent } from "../../ui/format.ts";
import { whyNotInvoke } from "../../ui/invoke-panel.tsx";
import { Sparkline } from "../../ui/sparkline.tsx";
import { FunctionStateBadge } from "../../ui/states.tsx";
import { Ago } from "../../ui/time.tsx";
import { errorRate, type FunctionsSearch, type Row, type SortKey } from "./sorting.ts";

const rowHeight = 60;

const columns: readonly {
  readonly key: SortKey;
  readonly label: string;
  readonly className?: string;
}[] = [
  { key: "name", label: "Name" },
  { key: "state", label: "State" },
  { key: "runtime", label: "Runtime", className: "lesser" },
  { key: "invoked", label: "Last invoked", className: "lesser" },
  { key: "calls", label: "Invocations, 24 h", className: "least" },
  { key: "errors", label: "Errors", className: "least" },
  { key: "vms", label: "VMs", className: "lesser" },
];

interface TableProps {
  readonly rows: readonly Row[];
  readonly search: FunctionsSearch;
  readonly onSort: (key: SortKey) => void;
  readonly onInvoke: (row: Row) => void;
}

/** Functions, of which only those are in the document that are on the screen. */
export function FunctionsTable({ rows, search, onSort, onInvoke }: TableProps): ReactNode {
  const place = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  useLayoutEffect(() => setTop(place.current?.offsetTop ?? 0), []);
  const list = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => rowHeight,
    overscan: 8,
    scrollMargin: top,
    getItemKey: (index) => rows[index]?.item.id ?? index,
  });
  return (
    <div
      className="functions-table"
      role="table"
      aria-label="Functions"
      aria-rowcount={rows.length + 1}
    >
      <Head search={search} onSort={onSort} />
      <div
        ref={place}
        className="functions-body"
        role="rowgroup"
        style={{ height: list.getTotalSize() }}
      >
        {list.getVirtualItems().map(({ key, index, start }) => {
          const row = rows[index];
          if (row === undefined) return null;
          const translate = `0 ${start - top}px`;
          return (
            <div
              key={key}
              className="functions-row"
              role="row"
              aria-rowindex={index + 2}
              style={{ translate }}
            >
              <Cells row={row} onInvoke={onInvoke} />
            </div>
          );
        })}
      </div>
    </div>
  );
}

function Head({ search, onSort }: Pick<TableProps, "search" | "onSort">): ReactNode {
  const { sort = "name", reverse = false } = search;
  // Names go from A on, numbers from the largest on.
  const rises = (sort === "name" || sort === "state" || sort === "runtime") !== reverse;
  const Arrow = rises ? ArrowUp : ArrowDown;
  return (
    <div role="rowgroup">
      <div className="functions-row functions-head" role="row" aria-rowindex={1}>
        {columns.map(({ key, label, className }) => (
          <div
            key={key}
            role="columnheader"
            className={className}
            aria-sort={key !== sort ? "none" : rises ? "ascending" : "descending"}
          >
            <button type="button" onClick={() => onSort(key)}>
              {label}
              {key === sort && <Arrow size={12} aria-hidden />}
            </button>
          </div>
        ))}
        <div role="columnheader">
          <span className="visually-hidden">Actions</span>
        </div>
      </div>
    </div>
  );
}

function Cells({ row, onInvoke }: { readonly row: Row } & Pick<TableProps, "onInvoke">): ReactNode {
  const { item, day } = row;
  const rate = errorRate(day);
  const params = { function: item.name };
  return (
    <>
      <div role="cell" className="functions-name">
        <Link to="/functions/$function" params={params}>
          {item.name}
        </Link>
        {item.last_error !== null && (
          <div className="problem" title={item.last_error}>
            {item.last_error.split("\n")[0]}
          </div>
        )}
      </div>
      <div role="cell">
        <FunctionStateBadge state={item.state} />
      </div>
      <div role="cell" className="lesser subtle">
        {item.runtime}
      </div>
      <div role="cell" className="lesser subtle">
        {item.last_invoked_at === null ? "never" : <Ago time={item.last_invoked_at} />}
      </div>
      <div role="cell" className="least functions-calls">
        {day ? <Sparkline day={day} /> : null}
        <span>{formatCount(day?.total ?? 0)}</span>
      </div>
      <div
        role="cell"
        className={`least ${rate !== null && rate > 0.05 ? "tone-text-bad" : "subtle"}`}
      >
        {rate === null ? "–" : formatPercent(100 * rate)}
      </div>
      <div role="cell" className="lesser subtle">
        {item.vms} of {item.max_vms}
      </div>
      <div role="cell" className="functions-actions">
        <Button
          size="small"
          variant="quiet"
          icon
          aria-label={`Invoke ${item.name}`}
          disabledReason={whyNotInvoke(item)}
          onClick={() => onInvoke(row)}
        >
          <Play size={15} aria-hidden />
        </Button>
        <ButtonLink
          to="/functions/$function/invocations"
          params={params}
          size="small"
          variant="quiet"
          icon
          aria-label={`Logs of ${item.name}`}
        >
          <ScrollText size={15} aria-hidden />
        </ButtonLink>
      </div>
    </>
  );
}
