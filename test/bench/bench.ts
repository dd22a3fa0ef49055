/**
 * `npm run bench`: the figures of docs/performance.md, each beside its comparison in the same run.
 * Flags: --page writes them into that page, --json FILE as JSON, --from FILE takes those of an
 * earlier run; --only TEXT (lanes with that in their name), --rounds N (3) and --seconds N (4) of
 * load, --samples N (5) of starts, --full (also what takes minutes where QEMU emulates)
 */
import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { deployLane } from "./deploy-lane.ts";
import { growthLane } from "./growth-lane.ts";
import type { Lane } from "./lane.ts";
import { describeMachine } from "./machine.ts";
import { memoryLane } from "./memory-lane.ts";
import { writePage } from "./page.ts";
import { readable, type Results, type Row } from "./results.ts";
import { scaleOutLane } from "./scale-out-lane.ts";
import { wakeLane } from "./wake-lane.ts";
import { slotLane } from "./slot-lane.ts";
import { statisticsLane } from "./statistics-lane.ts";
import { warmLanes } from "./warm-lanes.ts";

const lanes: readonly Lane[] = [
  ...warmLanes,
  deployLane,
  wakeLane,
  scaleOutLane,
  memoryLane,
  growthLane,
  slotLane,
  statisticsLane,
];

const { values } = parseArgs({
  options: {
    page: { type: "boolean", default: false },
    json: { type: "string" },
    from: { type: "string" },
    only: { type: "string", default: "" },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "4" },
    samples: { type: "string", default: "5" },
    full: { type: "boolean", default: false },
  },
});

function count(flag: "rounds" | "seconds" | "samples"): number {
  if (/^[1-9]\d*$/.test(values[flag])) return Number(values[flag]);
  throw new Error(`Cannot use --${flag}: found "${values[flag]}", wanted a whole number from 1`);
}

/** Aborts at the first signal, so that what was started is stopped; the next one ends the run. */
function untilInterrupted(): AbortSignal {
  const interruption = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => interruption.abort(new Error(`The run was ended by ${name}`)));
  }
  return interruption.signal;
}

async function measure(): Promise<Results> {
  const chosen = lanes.filter(({ name }) => name.includes(values.only));
  if (chosen.length === 0) throw new Error(`No lane has "${values.only}" in its name`);
  const counts = { rounds: count("rounds"), seconds: count("seconds"), samples: count("samples") };
  const options = { ...counts, full: values.full };
  const signal = untilInterrupted();
  const machine = await describeMachine();
  const rows: Row[] = [];
  for (const lane of chosen) {
    const startMs = performance.now();
    process.stderr.write(`${lane.name} … `);
    rows.push(...(await lane.run({ ...options, signal })));
    process.stderr.write(`${readable("s", (performance.now() - startMs) / 1000)} s\n`);
  }
  return { date: new Date().toISOString(), machine, options, rows };
}

function print({ machine, rows }: Results): void {
  console.log(`${machine.cpus} × ${machine.processor}, Node.js ${machine.node}`);
  console.log("| Lane | Subject | Figures (medians) | Samples |\n|---|---|---|---|");
  for (const { lane, subject, medians, samples } of rows) {
    const cells = Object.entries(medians).map(([name, value]) => {
      return `${name.replace(/_(ms|mib)$/, "")} ${readable(name, value)}`;
    });
    console.log(`| ${lane} | ${subject} | ${cells.join(", ")} | ${samples} |`);
  }
}

if (values.page && values.only !== "") throw new Error("--page wants a whole run, without --only");
const results =
  values.from === undefined
    ? await measure()
    : (JSON.parse(await readFile(values.from, "utf8")) as Results);
print(results);
if (values.json !== undefined) {
  await writeFile(values.json, `${JSON.stringify(results, null, 2)}\n`);
}
if (values.page) await writePage(results);
