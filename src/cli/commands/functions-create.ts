import { Command } from "commander";
import type { Cli } from "../cli.ts";
import {
  addFunctionOptions,
  readText,
  toRequestFields,
  type FunctionOptions,
} from "../function-options.ts";
import { waitUntilDeployed } from "../wait-until-deployed.ts";

interface Options extends FunctionOptions {
  readonly runtime: string;
  readonly file: string;
  readonly wait?: boolean;
}

export function functionsCreate(cli: Cli): Command {
  const command = new Command("create")
    .description("Create a function; prints its id")
    .argument("<name>", 'name, of a-z, 0-9 and "-"')
    .requiredOption("--runtime <name>", "language: see `firelet runtimes`")
    .requiredOption("--file <path>", "the function's code; - is standard input")
    .option("--wait", "wait until it can be invoked")
    .addHelpText(
      "after",
      "\nExample:\n  firelet functions create hello --runtime node --file hello.js",
    );
  return addFunctionOptions(command).action(async (name: string, options: Options) => {
    const { id } = await cli.client().createFunction({
      name,
      runtime: options.runtime,
      code: readText(options.file),
      ...toRequestFields(options),
    });
    if (options.wait) await waitUntilDeployed(cli, id);
    cli.out.result({ id }, () => id);
  });
}
