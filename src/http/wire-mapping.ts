import { functionDefaults } from "../api/function-defaults.ts";
import {
  type CreateFunctionRequest,
  type FunctionItem,
  type FunctionSummary,
  type RevisionItem,
  type UpdateFunctionRequest,
} from "../api/functions.ts";
import type { FunctionEvent, VmEvent } from "../api/events.ts";
import { type DriverItem, type NetworkItem, type RuntimeItem } from "../api/host.ts";
import {
  type FollowInvocationsQuery,
  type InvocationItem,
  type InvokeResponse,
  type FunctionDayItem,
  type StatisticsItem,
  type StatisticsStep,
} from "../api/invocations.ts";
import { type VmFiguresItem, type VmItem, type VmNetworkItem } from "../api/vms.ts";
import type { FunctionChange, VmChange } from "../core/change.ts";
import type { Egress } from "../core/egress.ts";
import type { FunctionRecord, FunctionSpec, RevisionRecord } from "../core/function.ts";
import type {
  InvocationFigures,
  InvocationFilter,
  InvocationRecord,
  InvocationResult,
  StatisticsWindow,
} from "../core/invocation.ts";
import { guestPort, type DriverKind } from "../core/vm.ts";
import type { FleetVm } from "../fleet/fleet-vm.ts";
import { egressNote } from "../functions/egress-note.ts";
import type { Platform } from "../functions/platform.ts";
import type { FunctionDay, WindowStatistics } from "../functions/read-statistics.ts";
import type { FunctionChanges } from "../functions/update-function.ts";
import type { CataloguedRuntime } from "../ports/image-catalog.ts";
import type { NetworkFacts, NetworkUse } from "../ports/network.ts";
import type { VmFigures } from "../observe/vm-figures.ts";
import type { VmmUse, VmProbe } from "../ports/vm-driver.ts";

/** Between what goes over the wire and what the core works with; nothing else knows both. */

export function toFunctionSpec(request: CreateFunctionRequest): FunctionSpec {
  const given = { ...functionDefaults, ...request };
  return {
    name: given.name,
    runtime: given.runtime,
    handler: given.handler,
    code: given.code,
    env: given.env,
    vcpus: given.vcpu,
    memoryMib: given.memory_mb,
    timeoutMs: given.timeout_seconds * 1000,
    minVms: given.min_vms,
    maxVms: given.max_vms,
    maxConcurrency: given.max_concurrency,
    idleTimeoutMs: given.idle_timeout_seconds * 1000,
    egress: given.egress,
  };
}

export function toFunctionChanges(request: UpdateFunctionRequest): FunctionChanges {
  const changes = {
    name: request.name,
    handler: request.handler,
    code: request.code,
    env: request.env,
    vcpus: request.vcpu,
    memoryMib: request.memory_mb,
    timeoutMs: toMs(request.timeout_seconds),
    minVms: request.min_vms,
    maxVms: request.max_vms,
    maxConcurrency: request.max_concurrency,
    idleTimeoutMs: toMs(request.idle_timeout_seconds),
    egress: request.egress,
  };
  const given = Object.entries(changes).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as FunctionChanges;
}

function toMs(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000;
}

function toWireEgress(egress: Egress): FunctionSummary["egress"] {
  return typeof egress === "string" ? egress : [...egress];
}

export function toFunctionSummary(
  record: FunctionRecord,
  vms: readonly FleetVm[],
): FunctionSummary {
  const running = vms.filter((vm) => vm.state === "running");
  const [first] = running;
  return {
    id: record.id,
    name: record.name,
    runtime: record.runtime,
    handler: record.handler,
    timeout_seconds: record.timeoutMs / 1000,
    memory_mb: record.memoryMib,
    vcpu: record.vcpus,
    min_vms: record.minVms,
    max_vms: record.maxVms,
    max_concurrency: record.maxConcurrency,
    idle_timeout_seconds: record.idleTimeoutMs / 1000,
    egress: toWireEgress(record.egress),
    vm_id: first?.spec.id ?? null,
    guest_ip: first?.address?.host ?? null,
    port: first?.address?.port ?? guestPort,
    vms: running.length,
    state: record.state,
    revision: record.revision,
    deployed_revision: record.deployed?.revision ?? null,
    last_error: record.lastError,
    created_at: record.createdAt.toISOString(),
    updated_at: record.updatedAt.toISOString(),
    last_invoked_at: record.lastInvokedAt?.toISOString() ?? null,
  };
}

export function toFunctionItem(
  record: FunctionRecord,
  { fleets, network }: Pick<Platform, "fleets" | "network">,
): FunctionItem {
  return {
    ...toFunctionSummary(record, fleets.vmsOf(record.id)),
    code: record.code,
    env: { ...record.env },
    egress_note: egressNote(record, network.facts),
  };
}

export function toRevisionItem(record: RevisionRecord): RevisionItem {
  return {
    revision: record.revision,
    handler: record.handler,
    code: record.code,
    env: { ...record.env },
    vcpu: record.vcpus,
    memory_mb: record.memoryMib,
    deployed: record.deployed,
    wanted: record.wanted,
    created_at: record.createdAt.toISOString(),
    deployed_at: record.deployedAt?.toISOString() ?? null,
    error: record.error,
  };
}

export function toInvokeResponse(result: InvocationResult): InvokeResponse {
  const response: InvokeResponse = {
    request_id: result.requestId,
    status: result.status,
    duration_ms: Math.round(result.durationMs),
    response: result.response,
    logs: [...result.logs],
    cold_start: result.coldStart,
    vm_id: result.vmId,
  };
  if (result.failure === null) return response;
  const { message, type, stack } = result.failure;
  return { ...response, error: message, error_type: type, stack };
}

export function toInvocationItem(record: InvocationRecord): InvocationItem {
  return {
    id: record.id,
    function_id: record.functionId,
    status: record.status,
    duration_ms: Math.round(record.durationMs),
    request_id: record.requestId,
    invoked_at: record.invokedAt.toISOString(),
    cold_start: record.coldStart,
    vm_id: record.vmId,
    error: record.error,
    error_type: record.errorType,
    stack: record.stack,
    logs: [...record.logs],
    event: record.event,
    response: record.response,
  };
}

export function toInvocationFilter(query: FollowInvocationsQuery): InvocationFilter {
  const { status, request_id, q, cold_start, vm_id, min_duration_ms } = query;
  return {
    status,
    requestId: request_id,
    text: q,
    coldStart: cold_start,
    vmId: vm_id,
    // Of what is shown, which is rounded.
    minDurationMs: min_duration_ms === undefined ? undefined : min_duration_ms - 0.5,
  };
}

export function toStatisticsItem(
  window: StatisticsWindow,
  { from, to, series, ...figures }: WindowStatistics,
): StatisticsItem {
  return {
    window,
    from: from.toISOString(),
    to: to.toISOString(),
    ...toFigures(figures),
    series: series.map(({ at, ...ofStep }) => ({ at: at.toISOString(), ...toFigures(ofStep) })),
  };
}

export function toFunctionDayItem({ functionId, hours }: FunctionDay): FunctionDayItem {
  const counts = hours.map(({ at, success, error, timeout }) => ({
    at: at.toISOString(),
    total: success + error + timeout,
    failed: error + timeout,
  }));
  return {
    function_id: functionId,
    total: sum(counts.map(({ total }) => total)),
    failed: sum(counts.map(({ failed }) => failed)),
    cold_starts: sum(hours.map(({ coldStarts }) => coldStarts)),
    hours: counts,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function toFigures(figures: InvocationFigures): Omit<StatisticsStep, "at"> {
  const { total, success, error, timeout, coldStarts } = figures;
  return {
    total,
    success,
    error,
    timeout,
    cold_starts: coldStarts,
    avg_ms: toMicroseconds(figures.averageMs),
    p50_ms: figures.p50Ms,
    p95_ms: figures.p95Ms,
    p99_ms: figures.p99Ms,
  };
}

/** Milliseconds without the digits that no clock of a guest has. */
function toMicroseconds(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 1000) / 1000;
}

export type DriverFacts = Pick<VmItem, "driver" | "accelerator" | "isolation">;

export function toVmItem(vm: FleetVm, driver: DriverFacts, figures: VmFigures | undefined): VmItem {
  const guest = figures?.guest;
  return {
    id: vm.spec.id,
    name: vm.spec.name,
    function_id: vm.spec.functionId,
    ...driver,
    state: vm.state,
    vcpu: vm.spec.vcpus,
    memory_mb: vm.spec.memoryMib,
    guest_ip: vm.address?.host ?? null,
    port: vm.address?.port ?? guestPort,
    pid: vm.running?.pid ?? null,
    revision: vm.revision,
    in_flight: vm.inFlight,
    started_at: vm.running?.startedAt.toISOString() ?? null,
    cpu_usage_percent: guest?.cpuPercent ?? figures?.vmm.cpuPercent ?? null,
    memory_used_bytes: guest?.memory.usedBytes ?? figures?.vmm.memoryBytes ?? null,
    restored_from: vm.restoredFrom,
  };
}

/** Processor and memory as the guest sees them, what leaves and enters it as the host does. */
export function toVmFiguresItem({ spec }: FleetVm, figures: VmFigures): VmFiguresItem {
  const { guest, vmm } = figures;
  const memory = guest?.memory ?? {
    usedBytes: vmm.memoryBytes,
    totalBytes: spec.memoryMib * 2 ** 20,
    peakBytes: null,
  };
  return {
    vm_id: spec.id,
    timestamp: figures.at.toISOString(),
    cpu_usage_percent: guest?.cpuPercent ?? vmm.cpuPercent,
    memory_usage_percent: Math.round((1000 * memory.usedBytes) / memory.totalBytes) / 10,
    memory_used_bytes: memory.usedBytes,
    memory_total_bytes: memory.totalBytes,
    memory_peak_bytes: memory.peakBytes,
    ...toTraffic(vmm.network ?? guest?.network, vmm.disk ?? guest?.disk),
    guest: guest && {
      cpu_usage_percent: guest.cpuPercent,
      memory_used_bytes: guest.memory.usedBytes,
      memory_total_bytes: guest.memory.totalBytes,
      memory_peak_bytes: guest.memory.peakBytes,
      network_in_bytes: guest.network.receivedBytes,
      network_out_bytes: guest.network.sentBytes,
      disk_read_bytes: guest.disk.readBytes,
      disk_write_bytes: guest.disk.writtenBytes,
    },
    vmm: {
      cpu_usage_percent: vmm.cpuPercent,
      memory_bytes: vmm.memoryBytes,
      ...toTraffic(vmm.network, vmm.disk),
    },
  };
}

function toTraffic(network?: VmmUse["network"], disk?: VmmUse["disk"]) {
  return {
    network_in_bytes: network?.receivedBytes ?? null,
    network_out_bytes: network?.sentBytes ?? null,
    disk_read_bytes: disk?.readBytes ?? null,
    disk_write_bytes: disk?.writtenBytes ?? null,
  };
}

export function toVmNetworkItem(use: NetworkUse): VmNetworkItem {
  return {
    egress: toWireEgress(use.egress),
    sent_bytes: use.sentBytes,
    received_bytes: use.receivedBytes,
    dropped: { ...use.dropped },
    refused_connections: use.refusedConnections.map((refused) => ({ ...refused })),
    refused_names: [...use.refusedNames],
  };
}

export function toNetworkItem({ kind, outbound, egress, notes }: NetworkFacts): NetworkItem {
  return { kind, outbound, egress: toWireEgress(egress), notes: [...notes] };
}

export function toInstalledRuntime(runtime: CataloguedRuntime): Omit<RuntimeItem, "template"> {
  return {
    name: runtime.name,
    interpreter: runtime.interpreter,
    image_digest: runtime.imageDigest,
    extensions: [...runtime.extensions],
  };
}

export function toRuntimeItem(runtime: CataloguedRuntime): RuntimeItem {
  return { ...toInstalledRuntime(runtime), template: runtime.template };
}

export function toDriverItem(driver: DriverKind, probe: VmProbe): DriverItem {
  if (!probe.usable) {
    const { reason, remedy } = probe;
    const absent = { version: null, accelerator: null, isolation: null, notes: [] };
    return { driver, usable: false, ...absent, reason, remedy };
  }
  const { version, accelerator, isolation, notes } = probe;
  const facts = { version, accelerator, isolation, notes: [...notes] };
  return { driver, usable: true, ...facts, reason: null, remedy: null };
}

export function toFunctionEvent(at: Date, change: FunctionChange): FunctionEvent {
  return {
    at: at.toISOString(),
    change: change.change,
    function_id: change.functionId,
    function_name: change.functionName,
    revision: change.revision,
    state: change.state,
    previous_state: change.previousState,
    last_error: change.lastError,
  };
}

export function toVmEvent(at: Date, change: VmChange): VmEvent {
  return {
    at: at.toISOString(),
    vm_id: change.vmId,
    vm_name: change.vmName,
    function_id: change.functionId,
    revision: change.revision,
    state: change.state,
    previous_state: change.previousState,
    reason: change.reason,
  };
}
