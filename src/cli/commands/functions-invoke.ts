import { Command } from "commander";
import type { InvokeResponse } from "../../api/invocations.ts";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../exit-codes.ts";
import { readText } from "../function-options.ts";

interface Options {
  readonly event?: string;
  readonly eventFile?: string;
  readonly traceparent?: string;
}

export function functionsInvoke(cli: Cli): Command {
  return new Command("invoke")
    .description(
      "Invoke a function: its response goes to standard output, its logs to standard error",
    )
    .argument("<function>", "name or id")
    .argument("[-]", "- reads the event from standard input")
    .option("--event <json>", "event; {} where none is given")
    .option("--event-file <path>", "file with the event; - is standard input")
    .option("--traceparent <header>", "trace that it belongs to, as W3C Trace Context writes it")
    .addHelpText(
      "after",
      `
The exit code is 1 when the function fails or is too slow.

Examples:
  firelet functions invoke hello --event '{"name": "World"}'
  echo '[1, 2, 3]' | firelet functions invoke sum -`,
    )
    .action(async (id: string, dash: string | undefined, options: Options) => {
      const event = readEvent(dash, options);
      const { traceparent } = options;
      const trace = traceparent === undefined ? undefined : { traceparent };
      const answer = await cli.client().invokeFunction(id, event, trace);
      report(cli, answer);
      if (answer.status !== "success") cli.exitWith(exitCodes.failed);
    });
}

function readEvent(dash: string | undefined, { event, eventFile }: Options): unknown {
  if (dash !== undefined && dash !== "-") {
    throw new CliError(`Cannot use "${dash}": wanted - or --event <json>`, exitCodes.usage);
  }
  const given = [dash, event, eventFile].filter((source) => source !== undefined);
  if (given.length > 1) throw new CliError("Cannot use more than one event", exitCodes.usage);
  const file = dash ?? eventFile;
  const text = file === undefined ? event : readText(file);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new CliError(`Cannot use the event: ${(error as Error).message}`, exitCodes.usage);
  }
}

function report({ out }: Cli, answer: InvokeResponse): void {
  if (!out.json) {
    for (const line of answer.logs) out.note(out.paint("dim", out.guestText(line)));
    if (answer.status !== "success") {
      const what = `${answer.error_type ?? answer.status}: ${answer.error ?? answer.status}`;
      out.note(out.paint("red", out.guestText(what)));
      if (answer.stack) out.note(out.guestText(answer.stack));
      return;
    }
  }
  out.result(answer, () => JSON.stringify(answer.response, null, 2));
}
