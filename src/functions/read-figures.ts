import { functionStates } from "../core/function.ts";
import { vmStates } from "../core/vm.ts";
import type { PlatformFigures } from "../ports/telemetry.ts";
import type { Platform } from "./platform.ts";

/** How things stand now, for whoever watches the manager. */
export async function readFigures(platform: Platform): Promise<PlatformFigures> {
  const { budget, fleets, recorder, registry, snapshotStore } = platform;
  const snapshots = (await snapshotStore?.use()) ?? { count: 0, bytes: 0 };
  const { capacity, use } = budget;
  return {
    functions: countBy(functionStates, registry.list()),
    vms: countBy(vmStates, fleets.vms),
    queues: fleets.waiting,
    queueLimit: fleets.queueLimit,
    host: {
      vms: use.vms,
      vmsLimit: capacity.vms,
      promisedBytes: use.memoryMib * 2 ** 20,
      promisedBytesLimit: capacity.memoryMib * 2 ** 20,
      waiting: use.waiting,
    },
    snapshots,
    history: { waiting: recorder.waiting, dropped: recorder.dropped },
  };
}

/** How many are in each state, with those that none is in. */
function countBy<S extends string>(
  states: readonly S[],
  items: readonly { readonly state: S }[],
): Record<S, number> {
  const counts = Object.fromEntries(states.map((state) => [state, 0])) as Record<S, number>;
  for (const { state } of items) counts[state] += 1;
  return counts;
}
