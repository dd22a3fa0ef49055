import { wantedRevision, type FunctionRecord } from "../../src/core/function.ts";
import { Fleet } from "../../src/fleet/fleet.ts";
import { Semaphore } from "../../src/lib/semaphore.ts";
import { FakeVms } from "./fake-vms.ts";
import { ManualClock } from "./manual-clock.ts";
import { functionRecord } from "./records.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** A fleet over VMs in memory, of a function that is deployed unless `fields` say otherwise. */
export function fleetOf(fields: Partial<FunctionRecord> = {}, queueLength = 10) {
  const clock = new ManualClock();
  const vms = new FakeVms();
  const base = functionRecord(fields);
  const record = { ...base, deployed: wantedRevision(base), ...fields };
  const image = { kind: "host", runtime: "node", argv: ["node"] } as const;
  const fleet = new Fleet(
    record,
    { queueLength, wakeMs: 60_000, drainMs: 1_000 },
    {
      driver: vms,
      runtimeClient: vms,
      clock,
      log: silent,
      images: { list: () => Promise.resolve([]), resolve: () => Promise.resolve(image) },
      starts: new Semaphore(2),
    },
  );
  const invoke = (requestId: string, timeoutMs = 30_000) =>
    fleet.invoke({ requestId, eventJson: "{}", timeoutMs });
  return { clock, fleet, invoke, record, vms };
}

/** Rolls out the revision that the record asks for. */
export function deploy(fleet: Fleet, record: FunctionRecord): Promise<void> {
  return fleet.rollout(wantedRevision(record), { signal: new AbortController().signal });
}
