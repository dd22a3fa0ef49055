import { type Command, CommanderError } from "commander";
import { ApiError, FireletClient, UnreachableError } from "../client/client.ts";
import type { Cli } from "./cli.ts";
import { CliError, exitCodes, type ExitCode } from "./exit-codes.ts";
import { Output, type OutputStream } from "./output.ts";
import { addCompletion, buildProgram, type Services } from "./program.ts";

/** What a command line runs in. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Cli["stdin"];
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
}

const defaultUrl = "http://127.0.0.1:18080";

/** Runs one command line, the program's own name left out; resolves to its exit code, never rejects. */
export async function runCli(
  args: readonly string[],
  surroundings: Surroundings,
  services: Services,
): Promise<ExitCode> {
  const { env, stdin, stdout, stderr } = surroundings;
  // Looked for before anything is parsed, as a command line that cannot be parsed is an error too.
  const json = args.includes("--json");
  const out = new Output({ json, stdout, stderr });
  let exitCode: ExitCode = exitCodes.ok;
  const cli: Cli = {
    out,
    stdin,
    client: () =>
      new FireletClient(program.opts<{ url?: string }>().url ?? (env["FIRELET_URL"] || defaultUrl)),
    exitWith: (code) => {
      exitCode = code;
    },
  };
  const program = addCompletion(buildProgram(cli, services), cli, services);
  prepare(program, out);
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    return report(error, out);
  }
}

/** Makes commander throw instead of exiting, and leaves saying what is wrong to `report`. */
function prepare(command: Command, out: Output): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => out.raw(text),
    writeErr: (text) => out.note(text.trimEnd()),
    outputError: () => undefined,
  });
  if (command.commands.length > 0) command.helpCommand(false);
  for (const inner of command.commands) prepare(inner, out);
}

function report(error: unknown, out: Output): ExitCode {
  if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok;
  // A command that only groups others was called without one of them, and has printed its help.
  if (error instanceof CommanderError && error.code === "commander.help" && !out.json) {
    return exitCodes.usage;
  }
  const failure = describe(error);
  if (out.json) {
    const { message, code, requestId } = failure;
    const request = requestId ? { request_id: requestId } : {};
    out.result({ error: message, code, ...request }, () => "");
  } else {
    out.note(`${out.paint("red", "firelet:")} ${out.guestText(failure.message)}`);
    if (failure.hint) out.note(failure.hint);
  }
  return failure.exitCode;
}

interface Failure {
  readonly exitCode: ExitCode;
  readonly message: string;
  readonly code: string;
  readonly hint?: string;
  readonly requestId?: string | null;
}

function describe(error: unknown): Failure {
  if (error instanceof CommanderError) {
    const message =
      error.code === "commander.help"
        ? "Cannot run a group of commands: name one of them"
        : error.message.replace(/^error: /, "");
    return { exitCode: exitCodes.usage, code: "usage", message, hint: "See firelet --help" };
  }
  if (error instanceof UnreachableError) {
    return {
      exitCode: exitCodes.unreachable,
      code: "unreachable",
      message: `No manager answers at ${error.url}: start one with \`firelet up\``,
    };
  }
  if (error instanceof ApiError) {
    const exitCode = error.status === 404 ? exitCodes.notFound : exitCodes.failed;
    return { exitCode, code: error.code, message: error.message, requestId: error.requestId };
  }
  if (error instanceof CliError) {
    return { exitCode: error.exitCode, code: error.code, message: error.message };
  }
  if (error instanceof Error && error.name === "ConfigError") {
    return { exitCode: exitCodes.usage, code: "configuration", message: error.message };
  }
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error ? String(error.code) : "failed";
  return { exitCode: exitCodes.failed, code, message };
}
