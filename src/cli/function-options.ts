import { readFileSync } from "node:fs";
import { type Command, InvalidArgumentError } from "commander";
import type { CreateFunctionRequest } from "../api/functions.ts";
import { CliError, exitCodes } from "./exit-codes.ts";

type Egress = NonNullable<CreateFunctionRequest["egress"]>;
type Sizing = Omit<CreateFunctionRequest, "name" | "runtime" | "code">;

/** What the options below are parsed into. */
export interface FunctionOptions {
  readonly handler?: string;
  readonly env?: Record<string, string>;
  readonly vcpu?: number;
  readonly memory?: number;
  readonly timeout?: number;
  readonly minVms?: number;
  readonly maxVms?: number;
  readonly maxConcurrency?: number;
  readonly idleTimeout?: number;
  readonly egress?: Egress;
}

/** Adds the options that create, update and deploy share. The manager checks their ranges. */
export function addFunctionOptions(command: Command): Command {
  return command
    .option("--handler <name>", "function to call: <function> or <module>.<function>")
    .option("--env <key=value>", "environment variable; may be repeated", addVariable)
    .option("--vcpu <n>", "virtual processors of each VM", wholeNumber)
    .option("--memory <MiB>", "memory of each VM", wholeNumber)
    .option("--timeout <seconds>", "longest invocation", wholeNumber)
    .option("--min-vms <n>", "VMs kept running when nothing is invoked", wholeNumber)
    .option("--max-vms <n>", "most VMs at once", wholeNumber)
    .option("--max-concurrency <n>", "invocations at once in one VM; 0 is no limit", wholeNumber)
    .option("--idle-timeout <seconds>", "how long an idle VM is kept", wholeNumber)
    .option(
      "--egress <policy>",
      "where it may connect to: none, internet, or addresses, blocks and names with commas between; may be repeated",
      addEgress,
    );
}

/** The request fields for the options that were given. */
export function toRequestFields(options: FunctionOptions): Sizing {
  const fields = {
    handler: options.handler,
    env: options.env,
    vcpu: options.vcpu,
    memory_mb: options.memory,
    timeout_seconds: options.timeout,
    min_vms: options.minVms,
    max_vms: options.maxVms,
    max_concurrency: options.maxConcurrency,
    idle_timeout_seconds: options.idleTimeout,
    egress: options.egress,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** A commander parser of whole numbers. */
export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("A whole number is wanted.");
  return Number(text);
}

function addVariable(text: string, before: Record<string, string> = {}): Record<string, string> {
  const equals = text.indexOf("=");
  if (equals < 1) throw new InvalidArgumentError("It is written NAME=VALUE.");
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) };
}

/** `none` and `internet` alone are the policies of those names; whatever else there is makes a list. */
function addEgress(text: string, before?: Egress): Egress {
  const entries = text.split(",").map((entry) => entry.trim());
  const all = [before ?? [], entries].flat();
  const [only] = all;
  if (all.length === 1 && (only === "none" || only === "internet")) return only;
  if (all.includes("none")) throw new InvalidArgumentError("Nothing goes with none.");
  return all;
}

/** The text of a file that the user named; `-` is standard input. */
export function readText(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === "ENOENT" ? "no such file" : error;
    throw new CliError(`Cannot read ${file}: ${String(reason)}`, exitCodes.usage);
  }
}
