import { messageOf } from "../core/errors.ts";
import type { FunctionRecord } from "../core/function.ts";
import type { Platform } from "./platform.ts";

/**
 * Brings a restarted manager back to what its records say: VMs of an earlier one are ended,
 * deploys and updates that were under way start again. Functions that are ready wake on demand.
 */
export async function reconcile(platform: Platform): Promise<void> {
  await endStrays(platform);
  await sweepSnapshots(platform);
  for (const record of platform.registry.list()) {
    if (isHalfDone(record)) platform.deployments.schedule(record.id);
    else platform.fleets.configure(record);
  }
}

function isHalfDone({ state, revision, deployed, lastError }: FunctionRecord): boolean {
  if (state === "error") return false;
  return state !== "ready" || (deployed?.revision !== revision && lastError === null);
}

/** Functions may have been deleted, or deployed anew, by a manager that ended before it cleared up. */
async function sweepSnapshots({ registry, snapshotStore }: Platform): Promise<void> {
  const deployed = registry
    .list()
    .flatMap(({ id, deployed: revision }) =>
      revision === null ? [] : [[id, revision.revision] as const],
    );
  await snapshotStore?.sweep(new Map(deployed));
}

async function endStrays({ driver, log }: Platform): Promise<void> {
  const strays = await driver.list();
  for (const vmId of strays) {
    try {
      await driver.destroy(vmId);
      log.info({ vmId }, "VM of an earlier manager ended");
    } catch (error) {
      log.error({ vmId, error: messageOf(error) }, "VM of an earlier manager was not ended");
    }
  }
}
