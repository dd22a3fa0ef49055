import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { FunctionItem, VmItem } from "../../api.ts";
import { vmsQuery } from "../../queries.ts";
import { ButtonLink } from "../../ui/button.tsx";
import { CodeBlock } from "../../ui/code-block.tsx";
import { CopyButton } from "../../ui/copy.tsx";
import { DeployProgress } from "../../ui/deploy-progress.tsx";
import { InvokePanel } from "../../ui/invoke-panel.tsx";
import { formatDuration } from "../../ui/format.ts";
import { ErrorNotice, Loading, Notice } from "../../ui/notices.tsx";
import { Card, Facts } from "../../ui/page.tsx";
import { VmStateBadge } from "../../ui/states.tsx";
import { Ago } from "../../ui/time.tsx";
import { StatisticsCard } from "./statistics-card.tsx";
import { useFunction } from "./use-function.ts";

/** How a function is, a way to try it, and how it did. */
export function OverviewPage(): ReactNode {
  const item = useFunction();
  return (
    <div className="page">
      <DeployProgress item={item} />
      {item.last_error !== null && <LastError item={item} error={item.last_error} />}
      <div className="columns">
        <div className="page">
          <Card title="Invoke">
            <InvokePanel key={item.id} item={item} />
          </Card>
          <Card title="From anywhere on this host">
            <CodeBlock label="curl" text={curlOf(item)} />
          </Card>
        </div>
        <div className="page">
          <Card title="About">
            <About item={item} />
          </Card>
          <Card title="VMs" flush>
            <Vms item={item} />
          </Card>
        </div>
      </div>
      <StatisticsCard item={item} />
    </div>
  );
}

function LastError({
  item,
  error,
}: {
  readonly item: FunctionItem;
  readonly error: string;
}): ReactNode {
  const serves =
    item.deployed_revision === null ? "" : ` Revision ${item.deployed_revision} goes on serving.`;
  return (
    <Notice tone="bad">
      <strong>
        Revision {item.revision} did not deploy.{serves}
      </strong>
      <pre>{error}</pre>
      <div className="actions">
        <ButtonLink to="/functions/$function/code" params={{ function: item.name }} size="small">
          Go to the code
        </ButtonLink>
      </div>
    </Notice>
  );
}

function About({ item }: { readonly item: FunctionItem }): ReactNode {
  const { min_vms: min, max_vms: max, max_concurrency: atOnce } = item;
  return (
    <>
      <Facts
        items={{
          Id: (
            <>
              <code>{item.id.slice(0, 8)}</code>
              <CopyButton text={item.id} label="Copy the whole id" />
            </>
          ),
          Runtime: item.runtime,
          Handler: <code>{item.handler}</code>,
          Revision: revisionWords(item),
          Created: <Ago time={item.created_at} />,
          Updated: <Ago time={item.updated_at} />,
          "Last invoked": item.last_invoked_at ? <Ago time={item.last_invoked_at} /> : "never",
          Timeout: `${item.timeout_seconds} s`,
          Size: `${item.vcpu} vCPU, ${item.memory_mb} MiB`,
          VMs: `${min} to ${max}, ${atOnce === 0 ? "any number of" : atOnce} calls in each`,
          "Stopped when idle": `for ${formatDuration(item.idle_timeout_seconds * 1_000)}`,
          "May connect to": egressWords(item.egress),
        }}
      />
      {item.egress_note !== null && <p className="subtle about-note">{item.egress_note}</p>}
    </>
  );
}

function revisionWords({ revision, deployed_revision: serving }: FunctionItem): string {
  if (serving === null) return `${revision}; none serves yet`;
  return serving === revision ? String(serving) : `${serving} serves, ${revision} is the newest`;
}

/** Where a function may connect to, in words. */
export function egressWords(egress: FunctionItem["egress"]): string {
  if (egress === "internet") return "the Internet";
  if (egress === "none") return "nothing";
  return egress.join(", ");
}

function Vms({ item }: { readonly item: FunctionItem }): ReactNode {
  const { data, error, refetch } = useQuery({ ...vmsQuery, refetchInterval: 3_000 });
  if (data === undefined) {
    return (
      <div className="card-body">
        {error ? <ErrorNotice error={error} retry={() => void refetch()} /> : <Loading lines={2} />}
      </div>
    );
  }
  const vms = data.filter(({ function_id: of }) => of === item.id);
  if (vms.length === 0) {
    return <p className="card-body subtle">None runs now. The next call starts one.</p>;
  }
  return (
    <div className="table-scroll">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">State</th>
            <th scope="col">Address</th>
            <th scope="col" className="number">
              Calls now
            </th>
          </tr>
        </thead>
        <tbody>
          {vms.map((vm) => (
            <VmRow key={vm.id} vm={vm} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function VmRow({ vm }: { readonly vm: VmItem }): ReactNode {
  return (
    <tr>
      <td>
        <Link to="/vms/$vm" params={{ vm: vm.name }}>
          {vm.name}
        </Link>
        <div className="subtle">
          {vm.driver}, isolation: {vm.isolation}
          {vm.revision !== null && `, revision ${vm.revision}`}
        </div>
      </td>
      <td>
        <VmStateBadge state={vm.state} />
      </td>
      <td>{vm.guest_ip === null ? "–" : <code>{`${vm.guest_ip}:${vm.port}`}</code>}</td>
      <td className="number">{vm.in_flight}</td>
    </tr>
  );
}

function curlOf({ name }: FunctionItem): string {
  return `curl -X POST ${window.location.origin}/v1/functions/${name}/invoke \\
  -H "Content-Type: application/json" -d '{"event": {"name": "World"}}'`;
}
