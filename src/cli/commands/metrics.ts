import { Command } from "commander";
import type { Cli } from "../cli.ts";

/** One line of a page of metrics. */
interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Null for what is no number. */
  readonly value: number | null;
}

export function metrics(cli: Cli): Command {
  return new Command("metrics")
    .description("Print the manager's metrics, in the text format of Prometheus")
    .argument("[name]", "only those whose name begins so")
    .addHelpText("after", "\nExample:\n  firelet metrics firelet_invocations_total")
    .action(async (name = "") => {
      const page = await cli.client().readMetrics();
      const lines = page.split("\n").filter((line) => nameOf(line).startsWith(String(name)));
      const samples = lines.flatMap((line) => toSample(line) ?? []);
      cli.out.result(samples, () => lines.join("\n").trim());
    });
}

/** Which metric a line is of; comments belong to theirs, and empty lines to none. */
function nameOf(line: string): string {
  return /^(?:# (?:HELP|TYPE) )?(\w+)/.exec(line)?.[1] ?? "";
}

function toSample(line: string): Sample | undefined {
  const [, name, labels = "", value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (name === undefined) return undefined;
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
  const number = Number(value);
  return {
    name,
    labels: Object.fromEntries(pairs.map(([, key, text = ""]) => [key, unescape(text)])),
    value: Number.isFinite(number) ? number : null,
  };
}

function unescape(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, letter: string) => (letter === "n" ? "\n" : letter));
}
