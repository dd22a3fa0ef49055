import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";

const retryMs = 250;
const sqliteBusy = 5;

/**
 * Does `work` while no other process does any for the same lock file; `onWait` is called once
 * where it has to wait. It is SQLite's lock on a file: the kernel releases it with the process
 * that held it, however that ended, so it can never be left behind.
 */
export async function whileLocked<T>(
  path: string,
  { onWait, signal }: { onWait: () => void; signal?: AbortSignal | undefined },
  work: () => Promise<T>,
): Promise<T> {
  let lock = tryLock(path);
  if (lock === null) onWait();
  while (lock === null) {
    await sleep(retryMs, undefined, signal === undefined ? {} : { signal });
    lock = tryLock(path);
  }
  try {
    return await work();
  } finally {
    lock.close();
  }
}

function tryLock(path: string): DatabaseSync | null {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec("BEGIN EXCLUSIVE");
    return database;
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === sqliteBusy) return null;
    throw error;
  }
}
