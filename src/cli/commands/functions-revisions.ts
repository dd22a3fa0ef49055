import { Command } from "commander";
import type { RevisionItem } from "../../api/functions.ts";
import type { Cli } from "../cli.ts";
import { localTime } from "../format.ts";
import type { Style } from "../output.ts";
import { table } from "../table.ts";

export function functionsRevisions(cli: Cli): Command {
  return new Command("revisions")
    .description("List the revisions of a function that are kept, newest first")
    .argument("<function>", "name or id")
    .addHelpText("after", "\nWith --json, also their code and environments.")
    .action(async (id: string) => {
      const items = await cli.client().listRevisions(id);
      cli.out.result(items, () => revisionTable(cli, items));
    });
}

function revisionTable({ out }: Cli, items: readonly RevisionItem[]): string {
  return table(
    items,
    [
      { title: "REVISION", value: ({ revision }) => String(revision) },
      {
        title: "STATE",
        value: stateOf,
        paint: (cell, item) => out.paintResult(styles[stateOf(item)], cell),
      },
      { title: "CREATED", value: ({ created_at }) => localTime(created_at) },
      { title: "HANDLER", value: ({ handler }) => handler },
      { title: "VCPU", value: ({ vcpu }) => String(vcpu) },
      { title: "MEMORY", value: ({ memory_mb }) => `${memory_mb} MiB` },
      { title: "ERROR", value: ({ error }) => firstLine(out.guestText(error ?? "-")) },
    ],
    out.width,
  );
}

/** What became of a revision; `skipped` is one that a newer revision came before. */
type State = "deployed" | "failed" | "deploying" | "replaced" | "skipped";

const styles: Readonly<Record<State, Style>> = {
  deployed: "green",
  failed: "red",
  deploying: "yellow",
  replaced: "dim",
  skipped: "dim",
};

function stateOf({ deployed, error, wanted, deployed_at }: RevisionItem): State {
  if (deployed) return "deployed";
  if (error !== null) return "failed";
  if (wanted) return "deploying";
  return deployed_at === null ? "skipped" : "replaced";
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
