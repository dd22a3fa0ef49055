import { createHash } from "node:crypto";
import { resolve } from "node:path";

/**
 * 12 hexadecimal digits that stand for a data folder, in the names of what its manager makes on this
 * host: they tell the managers of a host apart, and are the same after a restart.
 */
export function dataFolderTag(dataDir: string): string {
  return createHash("sha256").update(resolve(dataDir)).digest("hex").slice(0, 12);
}
