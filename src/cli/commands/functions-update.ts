import { Command } from "commander";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../exit-codes.ts";
import {
  addFunctionOptions,
  readText,
  toRequestFields,
  type FunctionOptions,
} from "../function-options.ts";
import { waitUntilDeployed } from "../wait-until-deployed.ts";

interface Options extends FunctionOptions {
  readonly name?: string;
  readonly file?: string;
  readonly wait?: boolean;
}

export function functionsUpdate(cli: Cli): Command {
  const command = new Command("update")
    .description("Change a function; it goes on serving meanwhile")
    .argument("<function>", "name or id")
    .option("--name <name>", "new name")
    .option("--file <path>", "new code; - is standard input")
    .option("--wait", "wait until the change is served")
    .addHelpText("after", "\nExample:\n  firelet functions update hello --file hello.js --wait");
  return addFunctionOptions(command).action(async (id: string, options: Options) => {
    const changes = {
      ...toRequestFields(options),
      ...(options.name === undefined ? {} : { name: options.name }),
      ...(options.file === undefined ? {} : { code: readText(options.file) }),
    };
    if (Object.keys(changes).length === 0) {
      throw new CliError(`Cannot update "${id}": no change was given`, exitCodes.usage);
    }
    const accepted = await cli.client().updateFunction(id, changes);
    const item = options.wait ? await waitUntilDeployed(cli, accepted.id) : accepted;
    cli.out.result(item, () =>
      item.deployed_revision === item.revision
        ? `${item.name} is ready (revision ${item.revision})`
        : `${item.name} is being updated to revision ${item.revision}`,
    );
  });
}
