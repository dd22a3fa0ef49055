import { stat } from "node:fs/promises";
import type { SnapshotFiles } from "../core/snapshot.ts";
import { hashFileAside } from "../os/file-hash.ts";

/** SHA-256 of each file of a snapshot, in hex. */
export type SnapshotDigests = Readonly<Record<keyof SnapshotFiles, string>>;

/**
 * Digests of snapshot files, read anew only where the file changed: a waking function has no time
 * to read all of its memory. A write to a file, and what restores it from elsewhere, changes its
 * inode or its change time, which nobody but the kernel sets.
 */
export class FileDigests {
  readonly #known = new Map<string, { readonly stamp: string; readonly digest: string }>();

  /** Rejects with the system's error where a file cannot be read. */
  async of({ memory, state }: SnapshotFiles): Promise<SnapshotDigests> {
    return { memory: await this.#digest(memory), state: await this.#digest(state) };
  }

  async #digest(path: string): Promise<string> {
    const stamp = await fileStamp(path);
    const known = this.#known.get(path);
    if (known?.stamp === stamp) return known.digest;
    const digest = await hashFileAside(path);
    // What was written while it was read may or may not be in the digest: it is found next time.
    this.#known.set(path, { stamp, digest });
    return digest;
  }
}

/** Changes whenever the file at `path` is written to or replaced. */
export async function fileStamp(path: string): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
}
