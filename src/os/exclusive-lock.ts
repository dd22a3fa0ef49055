import { DatabaseSync } from "node:sqlite";

/**
 * Takes a lock on a file that no other process, nor this one again, gets before `release`; the
 * kernel frees it when the process dies, however it dies. Returns null where somebody holds it.
 *
 * Node has no file locks of its own; SQLite's are the kernel's (fcntl) and need nothing installed.
 */
export function tryExclusiveLock(file: string): { release(): void } | null {
  const database = new DatabaseSync(file);
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (isBusy(error)) return null;
    throw error;
  }
  return { release: () => database.close() };
}

/** SQLITE_BUSY, https://sqlite.org/rescode.html#busy */
function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && error.errcode === 5;
}
