import "./host.css";
import { useQuery } from "@tanstack/react-query";
import { CircleCheck, CircleX } from "lucide-react";
import type { ReactNode } from "react";
import type { DriverItem, HostItem } from "../../api.ts";
import { hostQuery } from "../../queries.ts";
import { isolationWarning } from "../../shell/isolation.ts";
import { formatBytes, formatNumber } from "../../ui/format.ts";
import { ErrorNotice, Loading, Notice } from "../../ui/notices.tsx";
import { Card, Facts, PageHeader } from "../../ui/page.tsx";

/** What functions run on: how well they are kept apart, and how much room there is. */
export function HostPage(): ReactNode {
  const { data: host, error, refetch } = useQuery(hostQuery);
  return (
    <div className="page">
      <PageHeader title="Host">
        <a className="button" href="/metrics">
          Metrics for Prometheus
        </a>
      </PageHeader>
      {error && <ErrorNotice error={error} retry={() => void refetch()} />}
      {host ? <Parts host={host} /> : !error && <Loading lines={6} />}
    </div>
  );
}

function Parts({ host }: { readonly host: HostItem }): ReactNode {
  return (
    <>
      <div className="columns">
        <Card title="Isolation">
          <Isolation host={host} />
        </Card>
        <Card title="Room">
          <Room host={host} />
        </Card>
      </div>
      <Card title="Drivers" flush>
        <ul>
          {host.drivers.map((driver) => (
            <li key={driver.driver} className="host-row">
              <Driver driver={driver} chosen={driver.driver === host.driver} />
            </li>
          ))}
        </ul>
      </Card>
      <div className="columns">
        <Card title="Runtimes" flush>
          <ul>
            {host.runtimes.map(({ name, interpreter, image_digest: digest }) => (
              <li key={name} className="host-row">
                <div>
                  <strong>{interpreter}</strong> <span className="subtle">as “{name}”</span>
                  <div className="subtle host-digest">
                    {digest === null ? "of this host" : <code>{digest}</code>}
                  </div>
                </div>
              </li>
            ))}
          </ul>
        </Card>
        <Card title="Network">
          <Network host={host} />
        </Card>
      </div>
    </>
  );
}

const isolationWords: Readonly<Record<string, string>> = {
  hardware: "Each function runs in a microVM of its own, kept apart by the processor.",
  emulated: "Each function runs in a microVM of its own, which is emulated in software.",
  none: "Functions are processes of this host.",
};

function Isolation({ host }: { readonly host: HostItem }): ReactNode {
  const warning = isolationWarning(host.isolation);
  return (
    <div className="stack">
      <p>{isolationWords[host.isolation] ?? host.isolation}</p>
      {warning && (
        <Notice tone={host.isolation === "none" ? "bad" : "progress"}>
          <p>{warning.text}</p>
        </Notice>
      )}
      <Facts
        items={{
          Driver: host.driver,
          Accelerator: host.accelerator,
          Why: host.driver_reason,
          Version: `Firelet ${host.version}`,
        }}
      />
      {host.warnings.map((text) => (
        <p key={text} className="subtle">
          {text}
        </p>
      ))}
    </div>
  );
}

function Room({ host: { capacity, use } }: { readonly host: HostItem }): ReactNode {
  return (
    <div className="stack">
      <Meter label="VMs" value={use.vms} max={capacity.vms} format={formatNumber} />
      <Meter
        label="Memory promised to guests"
        value={use.vm_memory_mb * 2 ** 20}
        max={capacity.vm_memory_mb * 2 ** 20}
        format={formatBytes}
      />
      <Facts
        items={{
          Functions: formatNumber(use.functions),
          Snapshots: `${use.snapshots}, ${formatBytes(use.snapshot_disk_bytes)} on the disk`,
          Processors: formatNumber(capacity.cpus),
          "Memory of the host": formatBytes(capacity.memory_mb * 2 ** 20),
        }}
      />
    </div>
  );
}

interface MeterProps {
  readonly label: string;
  readonly value: number;
  readonly max: number;
  readonly format: (value: number) => string;
}

function Meter({ label, value, max, format }: MeterProps): ReactNode {
  return (
    <div className="host-meter">
      <div className="toolbar">
        <span>{label}</span>
        <span className="subtle">
          {format(value)} of {format(max)}
        </span>
      </div>
      <meter aria-label={label} min={0} max={max} high={0.9 * max} value={value} />
    </div>
  );
}

function Driver({
  driver,
  chosen,
}: {
  readonly driver: DriverItem;
  readonly chosen: boolean;
}): ReactNode {
  const Icon = driver.usable ? CircleCheck : CircleX;
  const facts = [
    driver.version,
    driver.accelerator,
    driver.isolation && `isolation: ${driver.isolation}`,
  ];
  return (
    <>
      <Icon size={17} aria-hidden className={driver.usable ? "host-usable" : "host-unusable"} />
      <div>
        <strong>{driver.driver}</strong> {chosen && <span className="badge tone-ok">In use</span>}
        <p className="subtle">
          {driver.usable
            ? facts.filter(Boolean).join(", ")
            : `Cannot be used: ${driver.reason ?? "unknown"}`}
        </p>
        {driver.remedy !== null && <p>{driver.remedy}</p>}
        {driver.notes.map((note) => (
          <p key={note} className="subtle">
            {note}
          </p>
        ))}
      </div>
    </>
  );
}

const networkWords: Readonly<Record<HostItem["network"]["kind"], string>> = {
  namespace: "Each VM has a network of its own, and connects to what its function may.",
  user: "VMs connect to nothing: the manager is not root, or the host lacks what it takes.",
  host: "Functions have the network of this host, and connect to whatever it does.",
};

function Network({ host: { network } }: { readonly host: HostItem }): ReactNode {
  const { egress } = network;
  return (
    <div className="stack">
      <p>{networkWords[network.kind]}</p>
      <Facts
        items={{
          "Gets out": network.outbound ? "yes" : "no",
          "Functions may at most connect to": Array.isArray(egress) ? egress.join(", ") : egress,
        }}
      />
      {network.notes.map((note) => (
        <p key={note} className="subtle">
          {note}
        </p>
      ))}
    </div>
  );
}
