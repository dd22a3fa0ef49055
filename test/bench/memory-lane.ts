import { readFile } from "node:fs/promises";
import { waitUntil } from "../support/wait-until.ts";
import { compare, type Lane, type Subject } from "./lane.ts";
import type { Figures } from "./results.ts";
import { setups, startFirelet, waitingFunction, type Firelet, type Setup } from "./subjects.ts";

/** A manager with `vms` VMs of one function, all idle. */
interface Holder extends Subject {
  readonly firelet: Firelet;
  readonly vms: number;
}

const vmsHeld = 10;
/** Of VMs that boot, where each takes seconds of a processor. */
const bootedHeld = 5;
const limitMs = 120_000;

/** What one idle VM costs in memory where there are several of a function. */
export const memoryLane: Lane = {
  name: "memory",
  run({ full, signal }) {
    const starts = [
      () => startHolder(setups.clone, vmsHeld),
      () => startHolder(setups.boot, full ? vmsHeld : bootedHeld),
      () => startHolder(setups.process, vmsHeld),
    ];
    // Of one run: the medians would be of VMs that have stood there for longer and longer.
    return compare({ lane: "memory", starts, count: 1, sample: memoryOf }, signal);
  },
};

function startHolder(setup: Setup, vms: number): Promise<Holder> {
  return startFirelet(setup, `${setup.name}, ${vms} of them`, async (firelet) => {
    const { id } = await firelet.deploy({
      name: "held",
      runtime: "node",
      code: waitingFunction,
      max_vms: vms,
      max_concurrency: 1,
    });
    await callAtOnce(firelet, id, vms);
    // Once more, so that each has served: those that came last may have found nobody waiting.
    await callAtOnce(firelet, id, vms);
    return { firelet, vms };
  });
}

/** Resolves when that many calls were answered, and as many VMs are idle. */
async function callAtOnce(firelet: Firelet, functionId: string, count: number): Promise<void> {
  const { client } = firelet.manager;
  const invoke = () => client.invokeFunction(functionId, { ms: 500 });
  await Promise.all(Array.from({ length: count }, invoke));
  await waitUntil(`${count} VMs are idle`, () => areIdle(firelet, count), limitMs);
}

async function areIdle({ manager }: Firelet, count: number): Promise<boolean> {
  const vms = await manager.client.listVms();
  return vms.length === count && vms.every((vm) => vm.state === "running" && vm.in_flight === 0);
}

async function memoryOf({ firelet, vms }: Holder): Promise<Figures> {
  const items = await firelet.manager.client.listVms();
  const rollups = await Promise.all(items.map(({ pid }) => rollupOf(pid)));
  const mean = (pick: (rollup: Rollup) => number) =>
    rollups.reduce((sum, rollup) => sum + pick(rollup), 0) / rollups.length / 1024;
  return {
    vms,
    pss_mib: mean((rollup) => rollup.pssKib),
    private_mib: mean((rollup) => rollup.privateKib),
  };
}

interface Rollup {
  /** Its own pages, and its share of those it shares. */
  readonly pssKib: number;
  /** Pages that nobody else has mapped. */
  readonly privateKib: number;
}

async function rollupOf(pid: number | null): Promise<Rollup> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  const of = (name: string) => {
    const kib = new RegExp(`^${name}: +(\\d+) kB$`, "m").exec(text)?.[1];
    if (kib === undefined) throw new Error(`/proc/${pid}/smaps_rollup does not say ${name}`);
    return Number(kib);
  };
  return { pssKib: of("Pss"), privateKib: of("Private_Clean") + of("Private_Dirty") };
}
