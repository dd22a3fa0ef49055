// The thread of `hashFileAside`: hashes the file that it is given.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { parentPort, workerData } from "node:worker_threads";

const hash = createHash("sha256");
await pipeline(createReadStream(workerData as string, { highWaterMark: 1024 * 1024 }), hash);
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
parentPort?.postMessage(hash.digest("hex"));
