import { Command } from "commander";
import type { Cli } from "../cli.ts";
import { functionsCreate } from "./functions-create.ts";
import { functionsDelete } from "./functions-delete.ts";
import { functionsGet } from "./functions-get.ts";
import { functionsInvoke } from "./functions-invoke.ts";
import { functionsList } from "./functions-list.ts";
import { functionsLogs } from "./functions-logs.ts";
import { functionsRevisions } from "./functions-revisions.ts";
import { functionsRollback } from "./functions-rollback.ts";
import { functionsStats } from "./functions-stats.ts";
import { functionsUpdate } from "./functions-update.ts";

export function functions(cli: Cli): Command {
  const verbs = [
    functionsCreate,
    functionsList,
    functionsGet,
    functionsUpdate,
    functionsRevisions,
    functionsRollback,
    functionsInvoke,
    functionsLogs,
    functionsStats,
    functionsDelete,
  ];
  const command = new Command("functions").description(
    "Create, change, invoke and delete functions",
  );
  for (const verb of verbs) command.addCommand(verb(cli));
  return command;
}
