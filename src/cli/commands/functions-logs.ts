import { Command, Option } from "commander";
import type {
  InvocationEvent,
  InvocationItem,
  ListInvocationsQuery,
} from "../../api/invocations.ts";
import { failureText } from "../../client/failure-text.ts";
import type { Cli } from "../cli.ts";
import { follow } from "../follow.ts";
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
    .addOption(
      new Option("--follow", "show what comes from now on, until Ctrl-C").conflicts([
        "limit",
        "offset",
        "since",
        "until",
      ]),
    )
    .addHelpText("after", "\nWith --follow and --json, each invocation is an object on one line.")
    .action(async (id: string, { follow: isFollowed, ...options }: LogOptions) => {
      if (isFollowed) return followLogs(cli, id, options);
      const { items, total } = await cli.client().listInvocations(id, queryOf(options));
      cli.out.result(items, () => (items.length === 0 ? "No invocations" : history(cli, items)));
      if (!cli.out.json && total > items.length) {
        cli.out.note(`${items.length} of ${total}; --limit and --offset show others`);
      }
    });
}

async function followLogs(cli: Cli, id: string, options: LogOptions): Promise<void> {
  const { limit: _limit, ...filter } = queryOf(options);
  const { out } = cli;
  await follow<InvocationEvent>(
    cli,
    (place) => cli.client().followInvocations(id, filter, place),
    ({ event, data }) => {
      if (event === "invocation") out.entry(data, () => linesOf(cli, data));
      // A manager that stops may come back.
      if (event !== "end" || data.reason !== "deleted") return "go on";
      out.note(`Function "${id}" was deleted`);
      return "done";
    },
  );
}

/** What an invocation printed and how it ended, each line by itself with its time and request id. */
function linesOf({ out }: Cli, item: InvocationItem): string {
  const { logs, status, duration_ms, cold_start } = item;
  const failure = failureText(item);
  const printed = [...logs, ...(failure === null ? [] : [failure])]
    .flatMap((text) => text.split("\n"))
    .map((line) => out.guestText(line));
  const how = `${status} in ${duration(duration_ms)}${cold_start ? ", cold start" : ""}`;
  const closing = out.paintResult(stateStyles[status] ?? "reset", how);
  const before = `${localTime(item.invoked_at)} ${item.request_id}`;
  return [...printed, closing].map((line) => `${before} ${line}`).join("\n");
}

interface LogOptions extends Pick<
  ListInvocationsQuery,
  "limit" | "offset" | "since" | "until" | "status"
> {
  readonly follow?: boolean;
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
  const details = (item: InvocationItem) => [
    ...item.logs.map((line) => `  ${out.paintResult("dim", out.guestText(line))}`),
    ...(failureText(item)?.split("\n") ?? []).map((line) => `  ${out.guestText(line)}`),
  ];
  return [header, ...items.flatMap((item, index) => [rows[index], ...details(item)])].join("\n");
}
