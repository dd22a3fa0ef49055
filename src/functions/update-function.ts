import { messageOf, PlatformError } from "../core/errors.ts";
import type { FunctionRecord, FunctionSpec } from "../core/function.ts";
import type { Span } from "../ports/telemetry.ts";
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
 * served. An egress policy holds in all VMs when this resolves. Rejects with `function_not_found`,
 * `invalid_request` or `name_taken`.
 */
export async function updateFunction(
  platform: Platform,
  idOrName: string,
  changes: FunctionChanges,
  caller?: Span,
): Promise<FunctionRecord> {
  const { clock, deployments, fleets, log, registry, telemetry } = platform;
  const { id } = registry.get(idOrName);
  let formerName = "";
  const needsRollout = rolledOut.some((field) => changes[field] !== undefined);
  const record = await registry.change(id, (before) => {
    const after: FunctionRecord = { ...before, ...changes, updatedAt: clock.now() };
    checkSpec(after);
    formerName = before.name;
    if (!needsRollout) return after;
    const state = before.deployed === null ? "creating" : before.state;
    return { ...after, state, revision: before.revision + 1, lastError: null };
  });
  fleets.configure(record);
  if (record.name !== formerName) telemetry.forgetFunction(formerName);
  log.info({ ...caller?.ids, functionId: id, revision: record.revision }, "Function updated");
  if (needsRollout) deployments.schedule(id, caller);
  // Also where it is what it was, so that an update that failed half way may be repeated.
  if (changes.egress !== undefined) await setEgress(platform, record);
  return record;
}

/** VMs that would keep an older policy are let go: new ones come up with the new one. */
async function setEgress({ fleets, log }: Platform, record: FunctionRecord): Promise<void> {
  try {
    await fleets.setEgress(record);
  } catch (error) {
    log.error({ functionId: record.id, error: messageOf(error) }, "Egress was not set in all VMs");
    for (const { spec } of fleets.vmsOf(record.id)) fleets.stopVm(spec.id, "now");
    throw new PlatformError(
      "internal",
      `Cannot set egress in the VMs of function "${record.name}": ${messageOf(error)}; it is stored, and the VMs are being replaced`,
      { cause: error },
    );
  }
}
