import { PlatformError } from "../core/errors.ts";
import type { Platform } from "./platform.ts";

/**
 * Removes a function: at once from the disk and for new invocations; those under way may finish
 * within the drain time. Resolves when its VMs are gone; rejects with `function_not_found`.
 */
export async function deleteFunction(platform: Platform, idOrName: string): Promise<void> {
  const { id, name } = platform.registry.get(idOrName);
  await platform.registry.delete(id);
  platform.telemetry.forgetFunction(name);
  const gone = new PlatformError("function_not_found", `Function "${name}" was deleted`);
  await platform.deployments.cancel(id, gone);
  await platform.fleets.close(id, gone);
  await platform.snapshotStore?.keepOnly(id, null);
  platform.log.info({ functionId: id, functionName: name }, "Function deleted");
}
