import { Command, Option } from "commander";
import type { StatisticsItem, StatisticsQuery, StatisticsStep } from "../../api/invocations.ts";
import type { Cli } from "../cli.ts";
import { duration, localTime } from "../format.ts";
import { fields, table } from "../table.ts";

export function functionsStats(cli: Cli): Command {
  return new Command("stats")
    .description("Show how often a function was invoked, how that ended and how long it took")
    .argument("<function>", "name or id")
    .addOption(
      new Option("--window <window>", "how far back").choices(["1h", "24h", "7d"]).default("24h"),
    )
    .addHelpText("after", "\nSteps without an invocation are left out, but for --json.")
    .action(async (id: string, query: StatisticsQuery) => {
      const item = await cli.client().getFunctionStats(id, query);
      cli.out.result(item, () => statistics(cli, item));
    });
}

function statistics({ out }: Cli, item: StatisticsItem): string {
  const head = fields([
    ["Since", localTime(item.from)],
    ["Invocations", item.total],
    ["Succeeded", item.success],
    ["Failed", item.error],
    ["Timed out", item.timeout],
    ["Cold starts", item.cold_starts],
    ["Mean", time(item.avg_ms)],
    ["P50", time(item.p50_ms)],
    ["P95", time(item.p95_ms)],
    ["P99", time(item.p99_ms)],
  ]);
  const steps = item.series.filter(({ total }) => total > 0);
  return steps.length === 0 ? head : `${head}\n\n${stepTable(steps, out.width)}`;
}

function stepTable(steps: readonly StatisticsStep[], width: number | null): string {
  return table(
    steps,
    [
      { title: "FROM", value: ({ at }) => localTime(at) },
      { title: "TOTAL", value: ({ total }) => String(total) },
      { title: "FAILED", value: ({ error }) => String(error) },
      { title: "TIMED OUT", value: ({ timeout }) => String(timeout) },
      { title: "COLD", value: ({ cold_starts }) => String(cold_starts) },
      { title: "MEAN", value: ({ avg_ms }) => time(avg_ms) },
      { title: "P50", value: ({ p50_ms }) => time(p50_ms) },
      { title: "P95", value: ({ p95_ms }) => time(p95_ms) },
      { title: "P99", value: ({ p99_ms }) => time(p99_ms) },
    ],
    width,
  );
}

/** Most functions take a few milliseconds, where whole ones would say too little. */
function time(ms: number | null): string {
  if (ms === null) return "-";
  return ms < 100 ? `${ms.toFixed(2)} ms` : duration(ms);
}
