import type { Cli } from "./cli.ts";
import type { HostFinding } from "./machine.ts";

/** A line where it is good; else why that matters, and what to do. */
export function describeFinding({ out }: Cli, finding: HostFinding): string {
  const { name, state, found, why, steps, advice } = finding;
  const marks = { good: ["green", "✔"], advice: ["yellow", "!"], bad: ["red", "✖"] } as const;
  const [color, sign] = marks[state];
  const lines = [`${out.paintResult(color, sign)} ${name}: ${found}`];
  if (state === "good") return lines.join("");
  lines.push(`    ${why}`);
  lines.push(...steps.map((step) => `    To do: ${step}`));
  if (advice !== null) lines.push(`    For you to decide: ${advice}`);
  return lines.join("\n");
}
