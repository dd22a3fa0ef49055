import { waitUntil } from "../support/wait-until.ts";
import { compare, type Lane, type Subject } from "./lane.ts";
import type { Figures } from "./results.ts";
import { setups, startFirelet, waitingFunction, type Firelet, type Setup } from "./subjects.ts";

/** A manager with a function that may have `mostVms`, each for one call at a time. */
interface Scaler extends Subject {
  readonly firelet: Firelet;
  readonly functionId: string;
  readonly mostVms: number;
}

const mostVms = 20;
/** Of VMs that boot, where each takes seconds of a processor. */
const mostBooted = 5;
const callMs = 2_000;
const limitMs = 120_000;

/** One VM runs, and as many calls come at once as the function may have VMs. */
export const scaleOutLane: Lane = {
  name: "scale-out",
  run({ full, rounds, signal }) {
    const starts = [
      () => startScaler(setups.clone, mostVms),
      () => startScaler(setups.boot, full ? mostVms : mostBooted),
      () => startScaler(setups.process, mostVms),
    ];
    return compare({ lane: "scale-out", starts, count: rounds, sample: scaleOut }, signal);
  },
};

function startScaler(setup: Setup, most: number): Promise<Scaler> {
  return startFirelet(setup, `${setup.name}, 1 to ${most}`, async (firelet) => {
    const { id } = await firelet.deploy({
      name: "scaler",
      runtime: "node",
      code: waitingFunction,
      max_vms: most,
      max_concurrency: 1,
      timeout_seconds: limitMs / 1000,
    });
    return { firelet, functionId: id, mostVms: most };
  });
}

async function scaleOut({ firelet, functionId, mostVms: most }: Scaler): Promise<Figures> {
  const { client } = firelet.manager;
  await firelet.keepVms(1);
  const startMs = performance.now();
  const invoke = async () => {
    const { status, error } = await client.invokeFunction(functionId, { ms: callMs });
    if (status !== "success") throw new Error(`${firelet.setup.name}: ${status}: ${error}`);
    return performance.now() - startMs;
  };
  const isRunning = async () => {
    const vms = await client.listVms();
    return vms.filter(({ state }) => state === "running").length === most;
  };
  const allRun = async () => {
    await waitUntil(`${most} VMs run`, isRunning, limitMs);
    return performance.now() - startMs;
  };
  const [runningMs, answeredMs] = await Promise.all([
    allRun(),
    Promise.all(Array.from({ length: most }, invoke)).then((times) => Math.max(...times)),
  ]);
  return { vms: most, all_running_ms: runningMs, all_answered_ms: answeredMs };
}
