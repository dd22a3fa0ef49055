import "./vms.css";
import { Tabs } from "@base-ui/react/tabs";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, Navigate, useNavigate, useRouterState } from "@tanstack/react-router";
import { CircleOff, Compass } from "lucide-react";
import type { ReactNode } from "react";
import { ApiError, type VmItem } from "../../api.ts";
import { queryClient, vmQuery, vmReasonQuery } from "../../queries.ts";
import { ButtonLink } from "../../ui/button.tsx";
import { ErrorNotice, Loading, Notice } from "../../ui/notices.tsx";
import { Empty, PageHeader } from "../../ui/page.tsx";
import { VmStateBadge } from "../../ui/states.tsx";
import { StopVm } from "./stop-vm.tsx";
import { useFigures } from "./use-figures.ts";
import { VmConsole } from "./vm-console.tsx";
import { VmFacts } from "./vm-facts.tsx";
import { VmFigures } from "./vm-figures.tsx";
import { VmNetwork } from "./vm-network.tsx";
import { VmTerminal } from "./vm-terminal.tsx";

const route = getRouteApi("/vms/$vm");

/** One VM, by its id or name: what it is, what it uses, what it prints, and a terminal in it. */
export function VmPage(): ReactNode {
  const { vm: id } = route.useParams();
  const {
    data: vm,
    error,
    refetch,
  } = useQuery({
    ...vmQuery(id),
    refetchInterval: ({ state }) => (isNotFound(state.error) ? false : 3_000),
  });
  if (vm === undefined) {
    if (isNotFound(error)) return <NoSuchVm message={error.message} />;
    return (
      <div className="page">
        <PageHeader title={id} above={<Link to="/vms">VMs</Link>} />
        {error ? <ErrorNotice error={error} retry={() => void refetch()} /> : <Loading />}
      </div>
    );
  }
  if (vm.id !== id) {
    // A name is given to another VM later; this address stays this one's.
    queryClient.setQueryData(vmQuery(vm.id).queryKey, vm);
    return <Navigate to="/vms/$vm" params={{ vm: vm.id }} hash={true} replace />;
  }
  return <Vm key={id} vm={vm} error={error} />;
}

function isNotFound(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 404;
}

function NoSuchVm({ message }: { readonly message: string }): ReactNode {
  return (
    <div className="page">
      <PageHeader title="VM" above={<Link to="/vms">VMs</Link>} />
      <Empty
        icon={Compass}
        title="There is no such VM"
        action={
          <ButtonLink to="/vms" variant="primary">
            VMs
          </ButtonLink>
        }
      >
        {message}. VMs go when nobody has invoked their function for a while, or when it is deployed
        anew.
      </Empty>
    </div>
  );
}

function Vm({ vm, error }: { readonly vm: VmItem; readonly error: unknown }): ReactNode {
  const figures = useFigures(vm.id);
  const gone = isNotFound(error);
  return (
    <div className="page">
      <PageHeader
        title={vm.name}
        above={<Link to="/vms">VMs</Link>}
        badge={gone ? <GoneBadge /> : <VmStateBadge state={vm.state} />}
      >
        <StopVm vm={vm} gone={gone} />
      </PageHeader>
      {gone && <GoneNotice vm={vm} told={figures.reason} />}
      {error !== null && !gone && <ErrorNotice error={error} />}
      <VmFacts vm={vm} gone={gone} />
      <Tabbed
        panels={[
          ["figures", "Figures", <VmFigures key="figures" vm={vm} figures={figures} />],
          ["log", "Console log", <VmConsole key="log" vm={vm} gone={gone} />],
          ["network", "Network", <VmNetwork key="network" vm={vm} gone={gone} />],
          ["terminal", "Terminal", <VmTerminal key="terminal" vm={vm} gone={gone} />],
        ]}
      />
    </div>
  );
}

function GoneBadge(): ReactNode {
  return (
    <span className="badge tone-calm">
      <CircleOff size={14} aria-hidden />
      Gone
    </span>
  );
}

function GoneNotice({
  vm,
  told,
}: {
  readonly vm: VmItem;
  readonly told: string | null;
}): ReactNode {
  const { data: why } = useQuery(vmReasonQuery(vm.id));
  return (
    <div role="status">
      <Notice tone="calm">
        <p>
          <strong>This VM has gone.</strong> {whyText(why ?? told, vm)} Below is what was seen of it
          last.
        </p>
      </Notice>
    </div>
  );
}

/** A sentence of why it ended; that it has gone is known already. */
function whyText(reason: string | null, { name }: VmItem): string {
  if (reason === null || reason === `VM "${name}" has gone`) return "It was stopped.";
  return /[.!?]$/.test(reason) ? reason : `${reason}.`;
}

/** The tab is in the address, so that it can be sent to somebody. A terminal outlives other tabs. */
function Tabbed({
  panels,
}: {
  readonly panels: readonly (readonly [id: string, title: string, content: ReactNode])[];
}): ReactNode {
  const hash = useRouterState({ select: ({ location }) => location.hash });
  const navigate = useNavigate();
  const shown = panels.find(([id]) => id === hash)?.[0] ?? "figures";
  return (
    <Tabs.Root
      className="page"
      value={shown}
      onValueChange={(tab: string) =>
        void navigate({
          to: ".",
          hash: tab,
          replace: true,
          resetScroll: false,
          hashScrollIntoView: false,
        })
      }
    >
      <Tabs.List className="tabs vm-tabs" aria-label="Of this VM">
        {panels.map(([id, title]) => (
          <Tabs.Tab key={id} value={id}>
            {title}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {panels.map(([id, , content]) => (
        <Tabs.Panel key={id} value={id} keepMounted={id === "terminal"} tabIndex={-1}>
          {content}
        </Tabs.Panel>
      ))}
    </Tabs.Root>
  );
}
