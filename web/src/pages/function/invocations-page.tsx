import { getRouteApi } from "@tanstack/react-router";
import { ChevronLeft, ChevronRight, History } from "lucide-react";
import { type ReactNode, useState } from "react";
import { Button, ButtonLink } from "../../ui/button.tsx";
import { formatNumber } from "../../ui/format.ts";
import { ErrorNotice, Loading } from "../../ui/notices.tsx";
import { Card, Empty } from "../../ui/page.tsx";
import { historyRows } from "./history-rows.ts";
import { InvocationFilters } from "./invocation-filters.tsx";
import { InvocationsTable } from "./invocations-table.tsx";
import {
  type InvocationSearch,
  pageSize,
  toQuery,
  whyNotLive,
  withPart,
} from "./invocation-search.ts";
import { useFunction } from "./use-function.ts";
import { useInvocations, useTail } from "./use-invocations.ts";

const route = getRouteApi("/functions/$function/invocations");

/** What a function was called with and what came of it, and new calls as they end. */
export function InvocationsPage(): ReactNode {
  const item = useFunction();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [live, setLive] = useState(true);
  const { page = 1 } = search;
  const why = whyNotLive(search);
  const isLive = live && why === null;
  const { data, dataUpdatedAt, error, refetch } = useInvocations(item.id, search, isLive);
  const tail = useTail(item.id, search, isLive);
  const { since } = toQuery(search, dataUpdatedAt);
  const { items, total } =
    why === null ? historyRows({ page: data, tail, since }) : (data ?? nothing);
  const change = (next: InvocationSearch) => void navigate({ search: next, replace: true });
  const hasFilter = Object.keys(search).some((key) => key !== "page");
  return (
    <div className="page">
      <InvocationFilters
        search={search}
        change={change}
        live={live}
        setLive={setLive}
        why={why}
        functionId={item.id}
      />
      {error && <ErrorNotice error={error} retry={() => void refetch()} />}
      {data === undefined && !error && <Loading />}
      {data !== undefined && items.length > 0 && (
        <Card flush>
          <InvocationsTable
            items={items}
            open={search.request}
            onVm={(vm) => change(withPart(search, "vm", vm))}
          />
        </Card>
      )}
      {data !== undefined && items.length === 0 && (
        <Card>
          {page > 1 && total > 0 ? (
            <NoSuchPage page={page} go={() => change({ ...search, page: 1 })} />
          ) : hasFilter ? (
            <NothingMatches reset={() => change({})} />
          ) : (
            <NothingYet name={item.name} />
          )}
        </Card>
      )}
      {total > pageSize && items.length > 0 && (
        <Pages page={page} total={total} go={(next) => change({ ...search, page: next })} />
      )}
    </div>
  );
}

const nothing = { items: [], total: 0 };

function NoSuchPage({ page, go }: { readonly page: number; readonly go: () => void }): ReactNode {
  return (
    <Empty
      icon={History}
      title={`There is no page ${formatNumber(page)}`}
      action={<Button onClick={go}>The newest page</Button>}
    />
  );
}

function NothingMatches({ reset }: { readonly reset: () => void }): ReactNode {
  return (
    <Empty
      icon={History}
      title="No invocation matches"
      action={<Button onClick={reset}>Show all</Button>}
    />
  );
}

function NothingYet({ name }: { readonly name: string }): ReactNode {
  return (
    <Empty
      icon={History}
      title="It has not been invoked yet"
      action={
        <ButtonLink to="/functions/$function" params={{ function: name }} variant="primary">
          Invoke it
        </ButtonLink>
      }
    >
      Each call is kept with its event, its response and what it printed.
    </Empty>
  );
}

interface PagesProps {
  readonly page: number;
  readonly total: number;
  readonly go: (page: number) => void;
}

function Pages({ page, total, go }: PagesProps): ReactNode {
  const last = Math.ceil(total / pageSize);
  return (
    <nav className="toolbar" aria-label="Pages of the history">
      <Button
        size="small"
        disabledReason={page === 1 ? "This is the newest page" : null}
        onClick={() => go(page - 1)}
      >
        <ChevronLeft size={15} aria-hidden /> Newer
      </Button>
      <span className="subtle">
        Page {formatNumber(page)} of {formatNumber(last)}, {formatNumber(total)} invocations
      </span>
      <Button
        size="small"
        disabledReason={page >= last ? "This is the oldest page" : null}
        onClick={() => go(page + 1)}
      >
        Older <ChevronRight size={15} aria-hidden />
      </Button>
    </nav>
  );
}
