import { PlatformError } from "../core/errors.ts";
import type { Platform } from "./platform.ts";

/**
 * Ends everything a platform does: invocations under way may finish within the drain time, deploys
 * are left for the next start, every VM ends, and what is known of invocations is written down.
 */
export async function shutDown(platform: Platform): Promise<void> {
  const reason = new PlatformError("shutting_down", "The manager is stopping");
  platform.monitor.close(reason.message);
  platform.agents.close();
  await platform.deployments.cancelAll(reason);
  await platform.fleets.closeAll(reason);
  await platform.snapshots?.close();
  await platform.snapshotStore?.close();
  await platform.recorder.close();
}
