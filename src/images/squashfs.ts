import { runCommand } from "../os/run-command.ts";

/**
 * Packs a folder into a squashfs that is the same bytes for the same tree. LZ4 in its slow, dense
 * form: a third of zstd's start-up cost under software emulation for a third more space. Blocks of
 * 32 KiB: a guest keeps all of a block in memory, and its snapshots on the disk, for any part of it.
 */
export async function packSquashfs(
  tree: string,
  into: string,
  signal?: AbortSignal,
): Promise<void> {
  const reproducible = ["-all-root", "-no-xattrs", "-all-time", "0", "-mkfs-time", "0"];
  await runCommand(
    [
      "mksquashfs",
      tree,
      into,
      "-comp",
      "lz4",
      "-Xhc",
      "-b",
      "32K",
      ...reproducible,
      "-noappend",
      "-no-progress",
      "-quiet",
    ],
    {
      // It refuses its own time options where this is set.
      env: { SOURCE_DATE_EPOCH: undefined },
      signal,
    },
  );
}
