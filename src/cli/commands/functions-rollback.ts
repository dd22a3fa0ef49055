import { isDeepStrictEqual } from "node:util";
import { Command } from "commander";
import type { FunctionItem, RevisionItem } from "../../api/functions.ts";
import type { Cli } from "../cli.ts";
import { CliError } from "../exit-codes.ts";
import { wholeNumber } from "../function-options.ts";
import { waitUntilDeployed } from "../wait-until-deployed.ts";

interface Options {
  readonly to?: number;
  readonly wait: boolean;
}

export function functionsRollback(cli: Cli): Command {
  return new Command("rollback")
    .description(
      "Give a function the code, handler, environment and size of an earlier revision, and wait " +
        "until it serves",
    )
    .argument("<function>", "name or id")
    .option(
      "--to <revision>",
      "revision to go back to; where none is given, the newest before the deployed one that " +
        "served something else",
      wholeNumber,
    )
    .option("--no-wait", "return as soon as the manager has accepted it")
    .addHelpText(
      "after",
      `
It becomes a new revision. See \`firelet functions revisions\` for those that are kept.

Examples:
  firelet functions rollback hello
  firelet functions rollback hello --to 3`,
    )
    .action(async (id: string, options: Options) => {
      const client = cli.client();
      const to = options.to ?? revisionBefore(id, await client.listRevisions(id));
      const accepted = await client.rollbackFunction(id, to);
      const item = options.wait ? await waitUntilDeployed(cli, accepted.id) : accepted;
      cli.out.result(item, () => describe(to, accepted, item));
    });
}

/** The newest one that served before the deployed one did, and served something else. */
function revisionBefore(id: string, newestFirst: readonly RevisionItem[]): number {
  const deployed = newestFirst.find((one) => one.deployed);
  if (deployed === undefined) {
    throw new CliError(`Cannot roll back "${id}": it never served; choose a revision with --to`);
  }
  const before = newestFirst.find(
    (one) =>
      one.revision < deployed.revision &&
      one.deployed_at !== null &&
      !isDeepStrictEqual(content(one), content(deployed)),
  );
  if (before !== undefined) return before.revision;
  throw new CliError(
    `Cannot roll back "${id}": of its revisions before ${deployed.revision}, none that is kept ` +
      "served something else",
  );
}

function content({ handler, code, env, vcpu, memory_mb }: RevisionItem) {
  return { handler, code, env, vcpu, memory_mb };
}

function describe(to: number, accepted: FunctionItem, item: FunctionItem): string {
  const { name, revision } = item;
  // A new revision takes a moment, so it cannot serve in the answer that accepts it.
  if (accepted.deployed_revision === accepted.revision) {
    return `${name} serves what revision ${to} has already (revision ${revision})`;
  }
  const same = `revision ${revision}, the same as revision ${to}`;
  return item.deployed_revision === revision
    ? `${name} is ready (${same})`
    : `${name} is being updated (${same})`;
}
