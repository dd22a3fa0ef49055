import { messageOf } from "../core/errors.ts";
import type { FunctionRevision } from "../core/function.ts";
import type { Platform } from "./platform.ts";

/**
 * Makes the base snapshots of all runtimes that are installed, in the size given, so that the first
 * deploy finds one, and reads the snapshots of functions. Never rejects; ends soon after `signal`
 * aborts.
 */
export async function prepareSnapshots(
  { images, log, registry, snapshots }: Platform,
  size: Pick<FunctionRevision, "vcpus" | "memoryMib">,
  signal: AbortSignal,
): Promise<void> {
  if (snapshots === null) return;
  try {
    for (const { name, imageDigest } of await images.list()) {
      if (imageDigest !== null) await snapshots.base(name, size, { signal });
    }
    for (const record of registry.list()) {
      signal.throwIfAborted();
      if (record.deployed !== null) await snapshots.check(record, record.deployed);
    }
  } catch (error) {
    if (signal.aborted) return;
    log.warn(
      { error: messageOf(error) },
      "Snapshots were not prepared; each is made at first need",
    );
  }
}
