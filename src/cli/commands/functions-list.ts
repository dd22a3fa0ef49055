import { Command, Option } from "commander";
import type { FunctionSummary, ListFunctionsQuery } from "../../api/functions.ts";
import type { Cli } from "../cli.ts";
import { localTime, stateStyles } from "../format.ts";
import { wholeNumber } from "../function-options.ts";
import { table } from "../table.ts";

export function functionsList(cli: Cli): Command {
  return new Command("list")
    .description("List functions, newest first")
    .addOption(
      new Option("--state <state>", "only those in this state").choices([
        "creating",
        "booting",
        "deploying",
        "ready",
        "error",
      ]),
    )
    .option("--runtime <name>", "only those of this runtime")
    .option("--limit <n>", "at most this many", wholeNumber)
    .option("--offset <n>", "pass over this many", wholeNumber)
    .action(async (query: ListFunctionsQuery) => {
      const items = await cli.client().listFunctions(query);
      cli.out.result(items, () =>
        items.length === 0
          ? "No functions yet. Deploy one: firelet deploy examples/hello.js"
          : functionTable(cli, items),
      );
    });
}

function functionTable({ out }: Cli, items: readonly FunctionSummary[]): string {
  return table(
    items,
    [
      { title: "NAME", value: ({ name }) => name },
      { title: "RUNTIME", value: ({ runtime }) => runtime },
      {
        title: "STATE",
        value: ({ state }) => state,
        paint: (cell, { state }) => out.paintResult(stateStyles[state] ?? "reset", cell),
      },
      { title: "REVISION", value: ({ deployed_revision }) => String(deployed_revision ?? "-") },
      { title: "VMS", value: ({ vms }) => String(vms) },
      { title: "MEMORY", value: ({ memory_mb }) => `${memory_mb} MiB` },
      { title: "LAST INVOKED", value: ({ last_invoked_at }) => localTime(last_invoked_at) },
      { title: "ID", value: ({ id }) => id },
    ],
    out.width,
  );
}
