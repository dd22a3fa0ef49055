import { once } from "node:events";
import { Worker } from "node:worker_threads";

/**
 * The SHA-256 of a file in hex, found in a thread of its own: hundreds of megabytes would keep
 * this one from everything else. Rejects with the system's error.
 */
export async function hashFileAside(path: string): Promise<string> {
  const worker = new Worker(new URL("./file-hash-worker.ts", import.meta.url), {
    workerData: path,
  });
  const [hash] = (await once(worker, "message")) as [string];
  return hash;
}
