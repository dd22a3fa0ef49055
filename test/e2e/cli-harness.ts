import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import type { Services } from "../../src/cli/program.ts";
import { runCli } from "../../src/cli/run-cli.ts";

/** How a command line ended and what it said. */
export interface CliRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface CliOptions {
  readonly env?: Record<string, string>;
  /** Columns of the terminal that standard output is; no terminal where it is left out. */
  readonly columns?: number;
  /** What it reads; nothing, and no end of it, where it is left out. */
  readonly stdin?: PassThrough;
  readonly onStdout?: (text: string) => void;
  readonly onStderr?: (text: string) => void;
  readonly services?: Partial<Services>;
}

const unused = () => Promise.reject(new Error("This command was not meant to be called"));

const noServices: Services = {
  version: "1.2.3",
  up: unused,
  test: unused,
  images: unused,
  host: unused,
  probeDrivers: unused,
};

/** Runs a command line in this process, without a terminal unless `columns` says so. */
export async function cli(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  const { env = {}, columns, stdin = new PassThrough(), onStdout, onStderr, services } = options;
  const terminal = columns === undefined ? {} : { isTTY: true, columns, rows: 24 };
  const stdout = Object.assign(new PassThrough(), terminal);
  const stderr = new PassThrough();
  const said = Promise.all([text(stdout), text(stderr)]);
  if (onStdout) stdout.on("data", (chunk: Buffer) => onStdout(chunk.toString()));
  if (onStderr) stderr.on("data", (chunk: Buffer) => onStderr(chunk.toString()));
  const code = await runCli(args, { env, stdin, stdout, stderr }, { ...noServices, ...services });
  stdout.end();
  stderr.end();
  const [result, notes] = await said;
  return { code, stdout: result, stderr: notes };
}
