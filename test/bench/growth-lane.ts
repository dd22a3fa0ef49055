import { readFile } from "node:fs/promises";
import { waitUntil } from "../support/wait-until.ts";
import { compare, median, type Lane, type LaneOptions, type Target } from "./lane.ts";
import type { Figures } from "./results.ts";
import { setups, startFirelet, type Firelet, type Setup } from "./subjects.ts";
import { load } from "./warm-lanes.ts";

/** A manager with so many functions, all asleep; `call` invokes the first. */
interface Host extends Target {
  readonly firelet: Firelet;
  readonly functions: number;
}

const lists = 30;

/** What a manager and its warm calls cost with 1, 10 and 100 functions that sleep. */
export const growthLane: Lane = {
  name: "functions",
  run(options) {
    const sizes: readonly (readonly [Setup, readonly number[]])[] = [
      [setups.clone, options.full ? [1, 10, 100] : [1, 10]],
      [setups.process, [1, 10, 100]],
    ];
    const starts = sizes.flatMap(([setup, counts]) =>
      counts.map((count) => () => startHost(setup, count)),
    );
    const sample = (host: Host) => costOf(host, options);
    // Each figure is of many calls, or does not change.
    return compare({ lane: "functions", starts, count: 1, sample }, options.signal);
  },
};

function startHost(setup: Setup, functions: number): Promise<Host> {
  const driver = setup.driver === "qemu" ? "microVM" : "process driver";
  const name = `${driver}, ${functions} ${functions === 1 ? "function" : "functions"}`;
  return startFirelet(setup, name, async (firelet) => {
    const ids: string[] = [];
    for (let n = 1; n <= functions; n += 1) {
      const code = `async function handler() { return ${n}; }`;
      const request = { name: `function-${n}`, runtime: "node", code, idle_timeout_seconds: 1 };
      ids.push((await firelet.deploy(request)).id);
    }
    return { firelet, functions, call: firelet.invocationOf(ids[0] ?? "") };
  });
}

async function costOf(host: Host, { seconds }: LaneOptions): Promise<Figures> {
  const { firelet, functions } = host;
  const { client, pid } = firelet.manager;
  const sleep = async () => (await client.listVms()).length === 0;
  await waitUntil("all functions sleep", sleep, 30_000);
  const rssMib = await rssMibOf(pid);
  const { use } = await client.getHost();
  const listTimes: number[] = [];
  for (let n = 0; n < lists; n += 1) {
    const startMs = performance.now();
    const items = await client.listFunctions();
    listTimes.push(performance.now() - startMs);
    if (items.length !== functions) throw new Error(`Found ${items.length} functions`);
  }
  const warm = await load(host, { connections: 1, seconds, warmUpSeconds: 3 });
  return {
    functions,
    manager_rss_mib: rssMib,
    snapshot_disk_mib: use.snapshot_disk_bytes / 2 ** 20,
    list_ms: median(listTimes),
    warm_p50_ms: warm.p50Ms,
  };
}

async function rssMibOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kib === undefined) throw new Error(`/proc/${pid}/status does not say VmRSS`);
  return Number(kib) / 1024;
}
