import { wantedRevision, type FunctionRecord } from "../../src/core/function.ts";
import { Fleet } from "../../src/fleet/fleet.ts";
import { HostBudget, type HostCapacity } from "../../src/fleet/host-budget.ts";
import { Snapshots } from "../../src/fleet/snapshots.ts";
import { Semaphore } from "../../src/lib/semaphore.ts";
import type { ChangeListener } from "../../src/ports/changes.ts";
import type { Telemetry } from "../../src/ports/telemetry.ts";
import type { SnapshotStore } from "../../src/ports/snapshot-store.ts";
import { untracedTelemetry } from "../../src/telemetry/telemetry.ts";
import { FakeVms } from "./fake-vms.ts";
import { MemoryNetwork } from "./memory-network.ts";
import { ManualClock } from "./manual-clock.ts";
import { functionRecord } from "./records.ts";

const untraced = untracedTelemetry({ version: "0.0.0", driver: "process", accelerator: "none" });
const ignored = { changed() {} };
const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** What fleets over VMs in memory share; without `store` every VM boots. */
export function memoryHost({
  changes = ignored,
  store,
  capacity,
  telemetry = untraced,
}: MemoryHostOptions = {}) {
  const clock = new ManualClock();
  const vms = new FakeVms();
  const image = { kind: "host", runtime: "node", argv: ["node"] } as const;
  const parts = {
    driver: vms,
    network: new MemoryNetwork(),
    runtimeClient: vms,
    clock,
    log: silent,
    changes,
    telemetry,
    images: { list: () => Promise.resolve([]), resolve: () => Promise.resolve(image) },
    starts: new Semaphore(2),
    budget: new HostBudget(capacity ?? { vms: 100, memoryMib: 100_000 }, clock),
  };
  const snapshots = store === undefined ? null : new Snapshots({ ...parts, store }, vms.snapshots);
  return { clock, vms, deps: { ...parts, snapshots } };
}

interface MemoryHostOptions {
  readonly changes?: ChangeListener;
  readonly store?: SnapshotStore;
  readonly capacity?: HostCapacity;
  readonly telemetry?: Telemetry;
}

/** A function that is deployed unless `fields` say otherwise. */
export function deployedRecord(fields: Partial<FunctionRecord> = {}): FunctionRecord {
  const base = functionRecord(fields);
  return { ...base, deployed: wantedRevision(base), ...fields };
}

/** A fleet over VMs in memory, of a function that is deployed unless `fields` say otherwise. */
export function fleetOf(
  fields: Partial<FunctionRecord> = {},
  { queueLength = 10, ...options }: MemoryHostOptions & { readonly queueLength?: number } = {},
) {
  const { clock, deps, vms } = memoryHost(options);
  const record = deployedRecord(fields);
  const fleet = new Fleet(record, { queueLength, wakeMs: 60_000, drainMs: 1_000 }, deps);
  const invoke = (requestId: string, timeoutMs = 30_000) =>
    fleet.invoke({ requestId, eventJson: "{}", timeoutMs });
  return { clock, fleet, invoke, record, vms };
}

/** Rolls out the revision that the record asks for. */
export function deploy(fleet: Fleet, record: FunctionRecord): Promise<void> {
  return fleet.rollout(wantedRevision(record), { signal: new AbortController().signal });
}
