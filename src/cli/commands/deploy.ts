import { basename, extname } from "node:path";
import { Command } from "commander";
import type { FunctionItem } from "../../api/functions.ts";
import { ApiError } from "../../client/client.ts";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../exit-codes.ts";
import { duration } from "../format.ts";
import {
  addFunctionOptions,
  readText,
  toRequestFields,
  type FunctionOptions,
} from "../function-options.ts";
import { waitUntilDeployed } from "../wait-until-deployed.ts";

interface Options extends FunctionOptions {
  readonly name?: string;
  readonly runtime?: string;
  readonly wait: boolean;
}

export function deploy(cli: Cli): Command {
  const command = new Command("deploy")
    .description("Create a function from a file, or update it, and wait until it can be invoked")
    .argument("<file>", "the function's code")
    .option("--name <name>", "name; the file's where none is given")
    .option("--runtime <name>", "language; by the file's extension where none is given")
    .option("--no-wait", "return as soon as the manager has accepted it")
    .addHelpText("after", "\nExample:\n  firelet deploy examples/hello.py --memory 128");
  return addFunctionOptions(command).action(async (file: string, options: Options) => {
    const started = performance.now();
    const code = readText(file);
    const name = options.name ?? nameOf(file);
    const { id, created } = await createOrUpdate(cli, { file, name, code, options });
    const item = await (options.wait ? waitUntilDeployed(cli, id) : cli.client().getFunction(id));
    const took = duration(performance.now() - started);
    cli.out.result(item, () =>
      [
        options.wait
          ? `${name} is ${cli.out.paintResult("green", "ready")} (revision ${item.revision}, ${took})`
          : `${name} is being ${created ? "created" : "updated"}`,
        `Invoke it: firelet functions invoke ${name} --event '{"name": "World"}'`,
      ].join("\n"),
    );
  });
}

interface Wanted {
  readonly file: string;
  readonly name: string;
  readonly code: string;
  readonly options: Options;
}

async function createOrUpdate(
  cli: Cli,
  { file, name, code, options }: Wanted,
): Promise<{ id: string; created: boolean }> {
  const client = cli.client();
  const fields = toRequestFields(options);
  const runtime = options.runtime ?? (await runtimeOf(cli, file));
  const existing = await findFunction(cli, name);
  if (existing === null) {
    const { id } = await client.createFunction({ name, runtime, code, ...fields });
    return { id, created: true };
  }
  if (runtime !== existing.runtime) {
    throw new CliError(
      `Cannot deploy ${file}: function "${name}" has runtime ${existing.runtime}, and the file ` +
        `${runtime}; delete the function or choose another --name`,
    );
  }
  await client.updateFunction(existing.id, { code, ...fields });
  return { id: existing.id, created: false };
}

async function findFunction(cli: Cli, name: string): Promise<FunctionItem | null> {
  try {
    return await cli.client().getFunction(name);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

async function runtimeOf(cli: Cli, file: string): Promise<string> {
  const runtimes = await cli.client().listRuntimes();
  const extension = extname(file).toLowerCase();
  const runtime = runtimes.find(({ extensions }) => extensions.includes(extension));
  if (runtime) return runtime.name;
  const known = runtimes.map(({ name, extensions }) => `${name} (${extensions.join(", ")})`);
  throw new CliError(
    `Cannot deploy ${file}: no runtime takes "${extension}" files; choose one with --runtime: ` +
      known.join(", "),
    exitCodes.usage,
  );
}

/** A function's name for a file's: lower case, with "-" for what a name may not have. */
function nameOf(file: string): string {
  const name = basename(file, extname(file))
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 63);
  if (/^[a-z]/.test(name)) return name;
  throw new CliError(
    `Cannot name a function after ${file}: a name starts with a letter; choose one with --name`,
    exitCodes.usage,
  );
}
