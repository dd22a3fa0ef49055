import { join } from "node:path";

import type { NetworkNamespace } from "../../ports/network.ts";

/** Stands in a VMM's arguments for the descriptor of its tap device. */
export const tapFd = "TAP_FD";

const withTap = join(import.meta.dirname, "with-tap.pl");

/**
 * Wraps `argv` so that it runs in the network namespace, with the namespace's tap open and the
 * descriptor's number in the place of `TAP_FD`; a program that `opensTap` by its name finds it free.
 * It replaces itself by the program, so the process id stays. Needs root; null is the manager's own
 * namespace.
 */
export function entering(
  namespace: NetworkNamespace | null,
  argv: readonly [string, ...string[]],
  { opensTap = false }: { readonly opensTap?: boolean } = {},
): readonly [string, ...string[]] {
  if (namespace === null) return argv;
  const { path, tap } = namespace;
  const inherit = opensTap ? [] : ["perl", withTap, tap];
  // What comes before `argv` dies with the manager as well.
  return [
    ...(["setpriv", "--pdeathsig", "KILL", "--", "nsenter", `--net=${path}`, "--"] as const),
    ...inherit,
    ...argv,
  ];
}
