import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/**
 * Puts `content` at `path` so that a reader sees the old file or the new one, whole, and so that
 * it is on the disk when this resolves. `mode` holds whatever the umask is.
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  mode = 0o644,
): Promise<void> {
  await replace(path, content, { mode, sync: true });
  await syncFolder(dirname(path));
}

/** The same, but for the disk: after a crash of the host a reader may find an empty file. */
export async function replaceFile(
  path: string,
  content: string | Uint8Array,
  mode = 0o644,
): Promise<void> {
  await replace(path, content, { mode, sync: false });
}

async function replace(
  path: string,
  content: string | Uint8Array,
  { mode, sync }: { readonly mode: number; readonly sync: boolean },
): Promise<void> {
  const name = `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`;
  const temporary = join(dirname(path), name);
  try {
    const file = await open(temporary, "wx", mode);
    try {
      await file.writeFile(content);
      await file.chmod(mode);
      if (sync) await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Makes the names in a folder durable: a rename is on the disk only when its folder is. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
