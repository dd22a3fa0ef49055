import { runCommand } from "../os/run-command.ts";

/**
 * Packs a folder into a squashfs that is the same bytes for the same tree. LZ4 in its slow, dense
 * form: a third of zstd's start-up cost under software emulation for a third more space.
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
