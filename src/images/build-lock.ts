import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";

const retryMs = 250;

/**
 * Holds the only right to build below a folder until it is disposed of, and waits for it while
 * another process has it (`onWait` is called once). It is SQLite's lock on a file: the kernel
 * releases it with the process that held it, however that ended, so it can never be left behind.
 */
export async function acquireBuildLock(
  path: string,
  onWait: () => void,
  signal?: AbortSignal,
): Promise<Disposable> {
  let told = false;
  for (;;) {
    const database = new DatabaseSync(path, { timeout: 0 });
    try {
      database.exec("BEGIN EXCLUSIVE");
      return { [Symbol.dispose]: () => database.close() };
    } catch (error) {
      database.close();
      if ((error as { errcode?: number }).errcode !== 5) throw error; // SQLITE_BUSY
    }
    if (!told) onWait();
    told = true;
    await sleep(retryMs, undefined, signal === undefined ? {} : { signal });
  }
}
