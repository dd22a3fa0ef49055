import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Plus, Search, SquareFunction } from "lucide-react";
import { type ReactNode, useState } from "react";
import { daysQuery, functionsQuery, runtimesQuery } from "../../queries.ts";
import { Button, ButtonLink } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Choice, SearchField } from "../../ui/filters.tsx";
import { InvokePanel } from "../../ui/invoke-panel.tsx";
import { ErrorNotice, Loading } from "../../ui/notices.tsx";
import { Card, Empty, PageHeader } from "../../ui/page.tsx";
import { stateChoices } from "../../ui/states.tsx";
import { FunctionsTable } from "./functions-table.tsx";
import { type FunctionsSearch, selectRows, type SortKey } from "./sorting.ts";

const route = getRouteApi("/functions");

/** All functions: how they are, how they did since yesterday, and the way to each. */
export function FunctionsPage(): ReactNode {
  const { data: items, error, refetch } = useQuery(functionsQuery);
  return (
    <div className="page">
      <PageHeader title="Functions">
        <NewFunctionLink />
      </PageHeader>
      {error && <ErrorNotice error={error} retry={() => void refetch()} />}
      {items === undefined && !error && <Loading lines={6} />}
      {items?.length === 0 && <FirstFunction />}
      {items !== undefined && items.length > 0 && <List />}
    </div>
  );
}

function NewFunctionLink(): ReactNode {
  return (
    <ButtonLink to="/functions/new" variant="primary">
      <Plus size={16} aria-hidden /> New function
    </ButtonLink>
  );
}

function FirstFunction(): ReactNode {
  return (
    <Card>
      <Empty
        icon={SquareFunction}
        title="Your first function is two clicks away"
        action={<NewFunctionLink />}
      >
        A function is a piece of JavaScript, TypeScript or Python that answers an event. Each runs
        in a microVM of its own on this machine, which starts when it is called.
      </Empty>
    </Card>
  );
}

function List(): ReactNode {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { data: items = [] } = useQuery(functionsQuery);
  const { data: days, error: noDays, refetch } = useQuery(daysQuery);
  const [invoked, setInvoked] = useState<string | null>(null);
  const rows = selectRows(
    items.map((item) => ({ item, day: days?.get(item.id) })),
    search,
  );
  const change = (next: FunctionsSearch) => void navigate({ search: next, replace: true });
  const sort = (key: SortKey) => {
    const { sort: before = "name", reverse: _, ...rest } = search;
    const again = key === before && search.reverse !== true;
    change({ ...rest, sort: key, ...(again && { reverse: true }) });
  };
  const target = items.find(({ id }) => id === invoked);
  return (
    <>
      {noDays && <ErrorNotice error={noDays} retry={() => void refetch()} />}
      <Filters search={search} change={change} />
      <Card flush>
        {rows.length > 0 ? (
          <FunctionsTable
            rows={rows}
            search={search}
            onSort={sort}
            onInvoke={({ item }) => setInvoked(item.id)}
          />
        ) : (
          <Empty
            icon={Search}
            title="No function matches"
            action={<Button onClick={() => change({})}>Show all {items.length}</Button>}
          />
        )}
      </Card>
      <Dialog
        title={`Invoke ${target?.name ?? ""}`}
        open={target !== undefined}
        onClose={() => setInvoked(null)}
      >
        {target && <InvokePanel item={target} />}
        <div className="actions">
          <Button onClick={() => setInvoked(null)}>Close</Button>
        </div>
      </Dialog>
    </>
  );
}

interface FiltersProps {
  readonly search: FunctionsSearch;
  readonly change: (search: FunctionsSearch) => void;
}

function Filters({ search, change }: FiltersProps): ReactNode {
  const { data: runtimes = [] } = useQuery(runtimesQuery);
  const set = (key: "q" | "state" | "runtime", value: string | undefined) => {
    const { [key]: _, ...rest } = search;
    change(value === undefined ? rest : { ...rest, [key]: value });
  };
  return (
    <div className="toolbar" role="search">
      <SearchField
        label="Find by name"
        value={search.q ?? ""}
        onChange={(text) => set("q", text === "" ? undefined : text)}
      />
      <Choice
        label="State"
        value={search.state}
        all="All states"
        options={stateChoices.function}
        onChange={(value) => set("state", value)}
      />
      <Choice
        label="Runtime"
        value={search.runtime}
        all="All runtimes"
        options={runtimes.map(({ name }) => [name, name])}
        onChange={(value) => set("runtime", value)}
      />
    </div>
  );
}
