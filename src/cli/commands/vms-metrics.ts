import { Command } from "commander";
import type { VmFiguresItem } from "../../api/vms.ts";
import { watchVm } from "../../client/vm-sockets.ts";
import type { Cli } from "../cli.ts";
import { CliError } from "../exit-codes.ts";
import { byteCount, localTime } from "../format.ts";
import { wholeNumber } from "../function-options.ts";

const columns = [
  ["TIME", 8],
  ["CPU", 7],
  ["MEMORY", 10],
  ["NET IN", 12],
  ["NET OUT", 12],
  ["VMM CPU", 7],
  ["VMM MEMORY", 10],
] as const;

/** After how many lines the titles come again. */
const titlesEvery = 20;

export function vmsMetrics(cli: Cli): Command {
  return new Command("metrics")
    .description("Show what a VM uses: a line a second, until Ctrl-C")
    .argument("<vm>", "name or id")
    .option("--count <n>", "end after so many lines", wholeNumber)
    .option("--history", "print the last 15 minutes instead")
    .addHelpText(
      "after",
      `
CPU and MEMORY are what the guest says of itself; VMM CPU and VMM MEMORY what the host counts for
its process. With --json each line is one JSON object.`,
    )
    .action(async (id: string, options: { count?: number; history?: true }) => {
      const print = printer(cli);
      if (options.history) {
        for (const figures of await cli.client().listVmFigures(id)) print(figures);
        return;
      }
      const frames = watchVm(cli.client(), id);
      for (let count = 0; count < (options.count ?? Infinity); count += 1) {
        const { done, value } = await frames.next();
        if (done === true) throw new CliError(value);
        print(value);
      }
      await frames.return("");
    });
}

/** Prints one line after another, what moves as what moved since the line before. */
function printer({ out }: Cli): (figures: VmFiguresItem) => void {
  let before: VmFiguresItem | undefined;
  let lines = 0;
  return (figures) => {
    if (out.json) return out.raw(`${JSON.stringify(figures)}\n`);
    if (lines % titlesEvery === 0) out.raw(`${row(columns.map(([title]) => title))}\n`);
    lines += 1;
    out.raw(`${row(cellsOf(figures, before))}\n`);
    before = figures;
  };
}

function row(cells: readonly string[]): string {
  return columns.map(([, width], index) => (cells[index] ?? "").padStart(width)).join("  ");
}

function cellsOf(figures: VmFiguresItem, before: VmFiguresItem | undefined): string[] {
  const { cpu_usage_percent: cpu, memory_used_bytes: used, vmm } = figures;
  const seconds = before && (Date.parse(figures.timestamp) - Date.parse(before.timestamp)) / 1000;
  const rate = (field: "network_in_bytes" | "network_out_bytes") => {
    const [now, then] = [figures[field], before?.[field] ?? null];
    if (now === null || then === null || !seconds) return "-";
    return `${byteCount(Math.max(0, Math.round((now - then) / seconds)))}/s`;
  };
  return [
    localTime(figures.timestamp).slice(11),
    `${cpu.toFixed(1)} %`,
    byteCount(used),
    rate("network_in_bytes"),
    rate("network_out_bytes"),
    `${vmm.cpu_usage_percent.toFixed(1)} %`,
    byteCount(vmm.memory_bytes),
  ];
}
