import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { VmItem } from "../../api.ts";
import { isolationNames } from "../../shell/isolation.ts";
import { formatBytes, formatPercent } from "../../ui/format.ts";
import { Meter } from "../../ui/meter.tsx";
import { VmStateBadge } from "../../ui/states.tsx";
import { Ago } from "../../ui/time.tsx";
import { addressOf } from "./filter-vms.ts";
import { StopVm } from "./stop-vm.tsx";

/** VMs, each with what it is, what it uses, and a way to stop it. */
export function VmsTable({
  vms,
  nameOf,
}: {
  readonly vms: readonly VmItem[];
  readonly nameOf: (functionId: string) => string;
}): ReactNode {
  return (
    <div className="card">
      <div className="table-scroll" role="region" aria-label="VMs" tabIndex={0}>
        <table className="table vms-table">
          <thead>
            <tr>
              <th scope="col">VM</th>
              <th scope="col">Function</th>
              <th scope="col">State</th>
              <th scope="col">Isolation</th>
              <th scope="col">CPU</th>
              <th scope="col">Memory</th>
              <th scope="col" className="number">
                In flight
              </th>
              <th scope="col">Started</th>
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {vms.map((vm) => (
              <VmRow key={vm.id} vm={vm} functionName={nameOf(vm.function_id)} />
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

function VmRow({
  vm,
  functionName,
}: {
  readonly vm: VmItem;
  readonly functionName: string;
}): ReactNode {
  return (
    <tr>
      <td>
        <Link to="/vms/$vm" params={{ vm: vm.id }} className="vms-name">
          {vm.name}
        </Link>
        <div className="vms-second">
          <code>{addressOf(vm) ?? "no address yet"}</code>
        </div>
      </td>
      <td>
        <Link to="/functions/$function" params={{ function: vm.function_id }}>
          {functionName}
        </Link>
        <div className="vms-second">
          {vm.revision === null ? "no code yet" : `Revision ${vm.revision}`}
        </div>
      </td>
      <td>
        <VmStateBadge state={vm.state} />
      </td>
      <td>
        {isolationNames[vm.isolation]}
        <div className="vms-second">{driverText(vm)}</div>
      </td>
      <td>
        <CpuMeter vm={vm} />
      </td>
      <td>
        <MemoryMeter vm={vm} />
      </td>
      <td className="number">{vm.in_flight}</td>
      <td>{vm.started_at === null ? "–" : <Ago time={vm.started_at} />}</td>
      <td>
        <StopVm vm={vm} size="small" />
      </td>
    </tr>
  );
}

/** What runs it: "qemu, kvm". */
export function driverText({ driver, accelerator }: VmItem): string {
  return accelerator === "none" ? driver : `${driver}, ${accelerator}`;
}

function CpuMeter({ vm }: { readonly vm: VmItem }): ReactNode {
  const { cpu_usage_percent: percent, vcpu } = vm;
  return (
    <Meter
      label={`CPU of ${vm.name}`}
      share={percent === null ? null : percent / 100}
      text={percent === null ? `of ${vcpu} vCPU` : `${formatPercent(percent)} of ${vcpu} vCPU`}
    />
  );
}

function MemoryMeter({ vm }: { readonly vm: VmItem }): ReactNode {
  const { memory_used_bytes: used, memory_mb: mib } = vm;
  return (
    <Meter
      label={`Memory of ${vm.name}`}
      share={used === null ? null : used / (mib * 2 ** 20)}
      text={used === null ? `of ${mib} MiB` : `${formatBytes(used)} of ${mib}`}
    />
  );
}
