import { setTimeout as sleep } from "node:timers/promises";
import { tryExclusiveLock } from "../os/exclusive-lock.ts";

const retryMs = 250;

/**
 * Does `work` while no other process does any under the same lock file; `onWait` is called once
 * where it has to wait. A lock cannot be left behind by a process that dies.
 */
export async function whileLocked<T>(
  path: string,
  { onWait, signal }: { onWait: () => void; signal?: AbortSignal | undefined },
  work: () => Promise<T>,
): Promise<T> {
  let lock = tryExclusiveLock(path);
  if (lock === null) onWait();
  while (lock === null) {
    await sleep(retryMs, undefined, signal === undefined ? {} : { signal });
    lock = tryExclusiveLock(path);
  }
  try {
    return await work();
  } finally {
    lock.release();
  }
}
