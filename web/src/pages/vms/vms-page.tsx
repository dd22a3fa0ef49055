import "./vms.css";
import { useQuery } from "@tanstack/react-query";
import { Cpu, Search } from "lucide-react";
import { type ReactNode, useState } from "react";
import type { FunctionSummary, VmItem } from "../../api.ts";
import { functionsQuery, vmsQuery } from "../../queries.ts";
import { Button, ButtonLink } from "../../ui/button.tsx";
import { Choice, SearchField } from "../../ui/filters.tsx";
import { ErrorNotice, Loading } from "../../ui/notices.tsx";
import { Empty, PageHeader } from "../../ui/page.tsx";
import { stateChoices } from "../../ui/states.tsx";
import { filterVms, type VmFilter } from "./filter-vms.ts";
import { VmsTable } from "./vms-table.tsx";

const none: VmFilter = { search: "", functionId: undefined, state: undefined };

/** Every VM that there is now, with what it uses. */
export function VmsPage(): ReactNode {
  // That VMs come and go is told; what they use has to be asked for.
  const { data: vms, error, refetch } = useQuery({ ...vmsQuery, refetchInterval: 3_000 });
  return (
    <div className="page">
      <PageHeader title="VMs" />
      {error && <ErrorNotice error={error} retry={() => void refetch()} />}
      {vms ? <Vms vms={vms} /> : !error && <Loading />}
    </div>
  );
}

function Vms({ vms }: { readonly vms: readonly VmItem[] }): ReactNode {
  const { data: functions = [] } = useQuery(functionsQuery);
  const [filter, setFilter] = useState(none);
  const names = new Map(functions.map(({ id, name }) => [id, name]));
  const nameOf = (id: string) => names.get(id) ?? id.slice(0, 8);
  if (vms.length === 0) return <NoVms />;
  const shown = filterVms(vms, filter, nameOf);
  const owners = new Set(vms.map((vm) => vm.function_id));
  return (
    <>
      <Filters
        filter={filter}
        onChange={setFilter}
        functions={functions.filter(({ id }) => owners.has(id))}
      />
      <p className="visually-hidden" role="status">
        {shown.length} of {vms.length} VMs are shown
      </p>
      {shown.length > 0 ? (
        <VmsTable vms={shown} nameOf={nameOf} />
      ) : (
        <Empty
          icon={Search}
          title="No VM is like that"
          action={<Button onClick={() => setFilter(none)}>Show all</Button>}
        >
          There are {vms.length} VMs, and the filters let none of them pass.
        </Empty>
      )}
    </>
  );
}

function NoVms(): ReactNode {
  return (
    <Empty
      icon={Cpu}
      title="No VM runs now"
      action={
        <ButtonLink to="/functions" variant="primary">
          Functions
        </ButtonLink>
      }
    >
      VMs start when a function is deployed or invoked, and go when nobody has invoked it for a
      while. A function that should always have one sets a minimum of VMs.
    </Empty>
  );
}

function Filters({
  filter,
  onChange,
  functions,
}: {
  readonly filter: VmFilter;
  readonly onChange: (filter: VmFilter) => void;
  readonly functions: readonly FunctionSummary[];
}): ReactNode {
  return (
    <div className="toolbar" role="search">
      <SearchField
        label="Find by name, function or address"
        value={filter.search}
        onChange={(search) => onChange({ ...filter, search })}
      />
      <Choice
        label="Function"
        value={filter.functionId}
        all="All functions"
        options={functions.map(({ id, name }) => [id, name])}
        onChange={(functionId) => onChange({ ...filter, functionId })}
      />
      <Choice
        label="State"
        value={filter.state}
        all="All states"
        options={stateChoices.vm}
        onChange={(state) => onChange({ ...filter, state: state as VmFilter["state"] })}
      />
    </div>
  );
}
