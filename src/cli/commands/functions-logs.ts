import { Command, Option } from "commander";
import type { InvocationItem, ListInvocationsQuery } from "../../api/invocations.ts";
import type { Cli } from "../cli.ts";
import { duration, localTime, stateStyles } from "../format.ts";
import { wholeNumber } from "../function-options.ts";
import { table } from "../table.ts";

export function functionsLogs(cli: Cli): Command {
  return new Command("logs")
    .description("Show a function's invocations and what they printed, the newest last")
    .argument("<function>", "name or id")
    .option("--limit <n>", "at most this many, the newest", wholeNumber, 20)
    .option("--offset <n>", "pass over this many of the newest", wholeNumber)
    .addOption(
      new Option("--status <status>", "only those that ended so").choices([
        "success",
        "error",
        "timeout",
      ]),
    )
    .option("--since <time>", "only from this time on, such as 2026-11-23T08:00:00Z")
    .option("--until <time>", "only up to this time")
    .option("--request-id <id>", "only the one with this request id")
    .option("--search <text>", "only those with this text in a line or their error")
    .option("--cold-start", "only those that waited for a VM to start")
    .option("--no-cold-start", "only those that did not")
    .option("--vm <id>", "only those that ran in this VM")
    .option("--min-duration <ms>", "only those that took so long, or longer", wholeNumber)
    .action(async (id: string, options: LogOptions) => {
      const { items, total } = await cli.client().listInvocations(id, queryOf(options));
      cli.out.result(items, () => (items.length === 0 ? "No invocations" : history(cli, items)));
      if (!cli.out.json && total > items.length) {
        cli.out.note(`${items.length} of ${total}; --limit and --offset show others`);
      }
    });
}

interface LogOptions extends Pick<
  ListInvocationsQuery,
  "limit" | "offset" | "since" | "until" | "status"
> {
  readonly requestId?: string;
  readonly search?: string;
  readonly coldStart?: boolean;
  readonly vm?: string;
  readonly minDuration?: number;
}

/** As the API calls them. */
function queryOf(options: LogOptions): ListInvocationsQuery {
  const { requestId, search, coldStart, vm, minDuration, ...sameName } = options;
  const query = {
    ...sameName,
    request_id: requestId,
    q: search,
    cold_start: coldStart,
    vm_id: vm,
    min_duration_ms: minDuration,
  };
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as ListInvocationsQuery;
}

/** A table of invocations with their log lines and errors under their rows. */
function history({ out }: Cli, newestFirst: readonly InvocationItem[]): string {
  const items = newestFirst.toReversed();
  const [header, ...rows] = table(
    items,
    [
      { title: "TIME", value: ({ invoked_at }) => localTime(invoked_at) },
      {
        title: "STATUS",
        value: ({ status }) => status,
        paint: (cell, { status }) => out.paintResult(stateStyles[status] ?? "reset", cell),
      },
      { title: "DURATION", value: ({ duration_ms }) => duration(duration_ms) },
      { title: "START", value: ({ cold_start }) => (cold_start ? "cold" : "warm") },
      { title: "REQUEST ID", value: ({ request_id }) => request_id },
    ],
    out.width,
  ).split("\n");
  const details = ({ logs, error, error_type }: InvocationItem) => [
    ...logs.map((line) => `  ${out.paintResult("dim", out.guestText(line))}`),
    ...(error === null ? [] : [`  ${out.guestText(`${error_type ?? "Error"}: ${error}`)}`]),
  ];
  return [header, ...items.flatMap((item, index) => [rows[index], ...details(item)])].join("\n");
}
