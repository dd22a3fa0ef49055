import { setTimeout as sleep } from "node:timers/promises";
import type { FunctionItem } from "../api/functions.ts";
import type { Cli } from "./cli.ts";
import { CliError } from "./exit-codes.ts";
import { duration } from "./format.ts";

const pollMs = 100;
/** A cold boot in software emulation behind a queue of others takes a while; this is beyond it. */
const limitMs = 10 * 60_000;

/**
 * Waits until the newest revision of a function is served, and shows what it waits for. Rejects
 * with the guest's own message where it cannot be served.
 */
export async function waitUntilDeployed(cli: Cli, id: string): Promise<FunctionItem> {
  const client = cli.client();
  const started = performance.now();
  for (;;) {
    const item = await client.getFunction(id);
    const waitedMs = performance.now() - started;
    if (item.last_error !== null) {
      const served =
        item.deployed_revision === null
          ? ""
          : `\nRevision ${item.deployed_revision} goes on serving`;
      throw new CliError(
        `Cannot deploy "${item.name}": ${cli.out.guestText(item.last_error)}${served}`,
      );
    }
    if (item.state === "ready" && item.deployed_revision === item.revision) return item;
    if (waitedMs > limitMs) {
      throw new CliError(`Cannot deploy "${item.name}": still ${item.state} after 10 minutes`);
    }
    const doing = item.state === "ready" ? "updating" : item.state;
    cli.out.status(`${item.name}: ${doing}`, ` (${duration(waitedMs)})`);
    await sleep(pollMs);
  }
}
