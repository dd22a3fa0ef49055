import { runCommand } from "../os/run-command.ts";

const limitMs = 10_000;

/** Loads a script in one transaction: all of it or nothing. Null is this process's own namespace. */
export async function loadRules(script: string, namespace: string | null): Promise<void> {
  const argv = within(namespace, ["nft", "-f", "-"]);
  await runCommand(argv, { input: script, timeoutMs: limitMs });
}

/** A table as `nft -j` prints it; libnftables-json(5). */
export async function listTable(table: string, namespace: string): Promise<unknown> {
  const argv = within(namespace, ["nft", "-j", "list", "table", ...table.split(" ")]);
  const { stdout } = await runCommand(argv, { timeoutMs: limitMs });
  return JSON.parse(stdout) as unknown;
}

/** The command that runs `argv` in the network namespace at the path `namespace`. */
export function within(
  namespace: string | null,
  argv: readonly [string, ...string[]],
): readonly [string, ...string[]] {
  return namespace === null ? argv : ["nsenter", `--net=${namespace}`, "--", ...argv];
}
