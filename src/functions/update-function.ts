import type { FunctionRecord, FunctionSpec } from "../core/function.ts";
import { checkSpec } from "./check-spec.ts";
import type { Platform } from "./platform.ts";

export type FunctionChanges = Partial<Omit<FunctionSpec, "runtime">>;

/** What VMs have loaded or were started with: a change of it is a new revision, to be rolled out. */
const rolledOut: readonly (keyof FunctionChanges)[] = [
  "name",
  "handler",
  "code",
  "env",
  "vcpus",
  "memoryMib",
];

/**
 * Stores the changes and rolls them out in the background; the function goes on serving what it
 * served. Rejects with `function_not_found`, `invalid_request` or `name_taken`.
 */
export async function updateFunction(
  platform: Platform,
  idOrName: string,
  changes: FunctionChanges,
): Promise<FunctionRecord> {
  const { clock, deployments, fleets, log, registry } = platform;
  const { id } = registry.get(idOrName);
  const needsRollout = rolledOut.some((field) => changes[field] !== undefined);
  const record = await registry.change(id, (before) => {
    const after: FunctionRecord = { ...before, ...changes, updatedAt: clock.now() };
    checkSpec(after);
    if (!needsRollout) return after;
    const state = before.deployed === null ? "creating" : before.state;
    return { ...after, state, revision: before.revision + 1, lastError: null };
  });
  fleets.configure(record);
  log.info({ functionId: id, revision: record.revision }, "Function updated");
  if (needsRollout) deployments.schedule(id);
  return record;
}
