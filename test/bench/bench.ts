/**
 * `npm run bench`: the figures of docs/performance.md, each beside its comparison in the same run.
 * Rounds are interleaved, so that a noisy neighbour hits all alike; what is printed are medians.
 * Flags: --rounds N (3), --seconds N (5 a lane), --only <part of a lane's name>, --json FILE
 */
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import type { LoadOrder, LoadReport } from "./load.ts";
import { startDeployLane, type DeployLane, type DeploySample } from "./deploy-lane.ts";
import { startFunctionsFramework, startFirelet, type Subject } from "./subjects.ts";

const run = promisify(execFile);
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "5" },
    only: { type: "string", default: "" },
    json: { type: "string" },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);

interface Row {
  readonly lane: string;
  readonly subject: string;
  readonly figures: Record<string, number>;
}

async function load(subject: Subject, connections: number): Promise<LoadReport> {
  const order: LoadOrder = {
    url: subject.url,
    body: subject.body,
    connections,
    seconds,
    warmUpSeconds: 3,
  };
  const script = join(import.meta.dirname, "load.ts");
  const { stdout } = await run(process.execPath, [script, JSON.stringify(order)]);
  return JSON.parse(stdout) as LoadReport;
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Invocations of an empty function that is warm, by every subject in turn. */
async function warmLane(lane: string, starts: (() => Promise<Subject>)[], connections: number) {
  const subjects = await Promise.all(starts.map((start) => start()));
  const reports = new Map<Subject, LoadReport[]>(subjects.map((subject) => [subject, []]));
  try {
    for (let round = 0; round < rounds; round += 1) {
      for (const subject of subjects) {
        const report = await load(subject, connections);
        if (report.failures > 0) throw new Error(`${subject.name}: ${report.failures} failures`);
        reports.get(subject)?.push(report);
      }
    }
  } finally {
    await Promise.all(subjects.map((subject) => subject.stop()));
  }
  return subjects.map((subject): Row => {
    const of = (key: keyof LoadReport) => median((reports.get(subject) ?? []).map((r) => r[key]));
    const figures = { p50_ms: of("p50Ms"), p99_ms: of("p99Ms"), per_second: of("perSecond") };
    return { lane, subject: subject.name, figures };
  });
}

/** From the create call to `ready`, and on to the first reply. */
async function deployRows(start: () => Promise<DeployLane>): Promise<Row> {
  const lane = await start();
  try {
    const samples: DeploySample[] = [];
    for (let round = 0; round < rounds; round += 1) samples.push(await lane.sample());
    const of = (pick: (sample: DeploySample) => number) => median(samples.map(pick));
    const figures = {
      ready_ms: of((sample) => sample.readyMs),
      first_reply_ms: of((sample) => sample.firstReplyMs),
    };
    return { lane: "create to ready", subject: lane.name, figures };
  } finally {
    await lane.stop();
  }
}

const firelet = (driver: "process" | "qemu", runtime: "node" | "python") => () =>
  startFirelet(driver, runtime);
const lanes: Record<string, () => Promise<Row[]>> = {
  "manager, 1 connection": () =>
    warmLane("manager, 1 connection", [firelet("process", "node"), startFunctionsFramework], 1),
  "manager, 50 connections": () =>
    warmLane("manager, 50 connections", [firelet("process", "node"), startFunctionsFramework], 50),
  "microVM, 1 connection": () =>
    warmLane(
      "microVM, 1 connection",
      [
        firelet("qemu", "node"),
        firelet("process", "node"),
        firelet("qemu", "python"),
        firelet("process", "python"),
      ],
      1,
    ),
  "create to ready": async () => [
    await deployRows(() => startDeployLane("qemu")),
    await deployRows(() => startDeployLane("process")),
  ],
};

const rows: Row[] = [];
for (const [name, lane] of Object.entries(lanes)) {
  if (!name.includes(values.only)) continue;
  process.stderr.write(`${name} …\n`);
  rows.push(...(await lane()));
}
console.log(`${cpus().length} × ${cpus()[0]?.model}, Node.js ${process.versions.node}`);
console.log("| Lane | Subject | Figures (medians) |\n|---|---|---|");
for (const { lane, subject, figures } of rows) {
  const cells = Object.entries(figures).map(([key, value]) => `${key} ${readable(value)}`);
  console.log(`| ${lane} | ${subject} | ${cells.join(", ")} |`);
}
if (values.json !== undefined) await writeFile(values.json, JSON.stringify(rows, null, 2));

function readable(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toPrecision(3);
}
