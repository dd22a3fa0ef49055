import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readable, type Machine, type Results, type Row } from "./results.ts";

const page = join(import.meta.dirname, "../../docs/performance.md");

/** A figure's name in the results, and its heading. */
type Column = readonly [name: string, heading: string];

const loadColumns: readonly Column[] = [
  ["p50_ms", "p50"],
  ["p99_ms", "p99"],
  ["per_second", "per second"],
];

/** What stands between `<!-- figures: NAME -->` and `<!-- end -->` in docs/performance.md. */
const blocks: Readonly<Record<string, (results: Results) => string>> = {
  machine: ({ machine, date }) => `${describe(machine)}, ${date.slice(0, 10)}.`,
  warm: (results) =>
    table(
      results,
      ["warm, 1 connection", "warm, 50 connections", "warm, microVM, 1 connection"],
      loadColumns,
    ),
  deploy: (results) =>
    table(
      results,
      ["deploy"],
      [
        ["ready_ms", "`ready` after"],
        ["first_reply_ms", "first reply after"],
      ],
    ),
  wake: (results) =>
    `${table(results, ["start from zero"], [["reply_ms", "reply after"]])}\n\n` +
    chart("From the invocation of a sleeping Node.js function to its reply, ms", {
      rows: rowsOf(results, "start from zero").filter(({ subject }) => subject.endsWith("Node.js")),
      figure: "reply_ms",
    }),
  "scale-out": (results) =>
    table(
      results,
      ["scale-out"],
      [
        ["all_running_ms", "all run after"],
        ["all_answered_ms", "all calls of 2 s answered after"],
      ],
    ),
  memory: (results) =>
    `${table(
      results,
      ["memory"],
      [
        ["pss_mib", "proportional share (Pss)"],
        ["private_mib", "its own (private)"],
      ],
    )}\n\n${sharing(results)}\n\n${chart("Memory of one idle VM, MiB of Pss", {
      rows: rowsOf(results, "memory"),
      figure: "pss_mib",
    })}`,
  network: (results) => table(results, ["network, 1 connection"], loadColumns),
  slots: (results) => table(results, ["network of a VM"], [["take_ms", "there after"]]),
  functions: (results) =>
    table(
      results,
      ["functions"],
      [
        ["manager_rss_mib", "manager's memory (RSS)"],
        ["snapshot_disk_mib", "snapshots on the disk"],
        ["list_ms", "list of all functions"],
        ["warm_p50_ms", "warm call, p50"],
      ],
    ),
  statistics: (results) =>
    table(
      results,
      ["statistics of a million records"],
      [
        ["hour_ms", "`1h`"],
        ["day_ms", "`24h`"],
        ["week_ms", "`7d`"],
      ],
    ),
};

/**
 * Writes the figures into docs/performance.md and leaves its prose as it is. Rejects, with nothing
 * written, where the results lack a lane or the page a block.
 */
export async function writePage(results: Results): Promise<void> {
  let text = await readFile(page, "utf8");
  for (const [name, render] of Object.entries(blocks)) {
    const block = new RegExp(`(<!-- figures: ${name} -->\n).*?(<!-- end -->)`, "s");
    if (!block.test(text)) throw new Error(`${page} has no block of the figures "${name}"`);
    const figures = render(results);
    text = text.replace(block, (_whole, start, end) => `${start}\n${figures}\n\n${end}`);
  }
  await writeFile(page, text);
}

function describe({ cpus, processor, memory_gib, ...versions }: Machine): string {
  const emulates = versions.accelerator === "kvm" ? "under KVM" : "without KVM, so it emulates";
  const qemu = versions.qemu === null ? "no QEMU" : `${versions.qemu} ${emulates}`;
  const software = `Linux ${versions.kernel}, ${qemu}, Node.js ${versions.node}`;
  return `${cpus} × ${processor}, ${memory_gib} GiB, ${software}, client and servers on the same processors`;
}

function rowsOf({ rows }: Results, lane: string): readonly Row[] {
  const found = rows.filter((row) => row.lane === lane);
  if (found.length === 0) throw new Error(`The results have no lane "${lane}"`);
  return found;
}

function table(results: Results, lanes: readonly string[], columns: readonly Column[]): string {
  const headings = ["Lane", "Subject", ...columns.map(([, heading]) => heading)];
  const lines = lanes.flatMap((lane) =>
    rowsOf(results, lane).map(({ subject, medians }, index) => {
      const cells = columns.map(([name]) => cell(name, medians[name]));
      return [index === 0 ? lane : "", subject, ...cells];
    }),
  );
  return [headings, headings.map(() => "---"), ...lines]
    .map((cells) => `| ${cells.join(" | ")} |`.replaceAll("|  |", "| |").replaceAll(" --- ", "---"))
    .join("\n");
}

function cell(name: string, value: number | undefined): string {
  if (value === undefined) throw new Error(`The results have no figure "${name}"`);
  return readable(name, value);
}

/** What a clone costs beside a VM that booted, in words. */
function sharing(results: Results): string {
  const share = (figure: string) => {
    const of = (way: string) =>
      rowsOf(results, "memory").find(({ subject }) => subject.startsWith(way))?.medians[figure];
    const clone = of("microVM, clone");
    const booted = of("microVM, cold boot");
    if (clone === undefined || booted === undefined) throw new Error(`No ${figure} to compare`);
    return `${Math.round((100 * clone) / booted)} %`;
  };
  return `A clone takes ${share("pss_mib")} of the memory of a VM that booted, ${share("private_mib")} of it where only its own pages count.`;
}

/**
 * A bar for each row. Its label bears the figure, since the least may be a hundredth of the
 * greatest and its bar too small to see.
 */
function chart(
  title: string,
  { rows, figure }: { readonly rows: readonly Row[]; readonly figure: string },
): string {
  const bars = rows.toSorted((a, b) => (b.medians[figure] ?? 0) - (a.medians[figure] ?? 0));
  const heights = bars.map(({ medians }) => medians[figure] ?? 0);
  const labels = bars.map(({ subject, medians }) => {
    const short = subject.replace(/^microVM, /, "").replace(/, (Node\.js|\d+ of them)$/, "");
    return JSON.stringify(`${short}: ${cell(figure, medians[figure])}`);
  });
  return [
    "```mermaid",
    "xychart-beta",
    `    title ${JSON.stringify(title)}`,
    `    x-axis [${labels.join(", ")}]`,
    `    y-axis 0 --> ${Math.ceil(Math.max(...heights))}`,
    `    bar [${heights.map((height) => Number(height.toFixed(1))).join(", ")}]`,
    "```",
  ].join("\n");
}
