import { type FileHandle, open } from "node:fs/promises";

/** Opens all of `paths`, to read unless told. Rejects with the first failure, and leaves none open. */
export async function openAll(
  paths: readonly string[],
  flags: "r" | "r+" | "w" = "r",
): Promise<FileHandle[]> {
  const opened = await Promise.allSettled(paths.map((path) => open(path, flags)));
  const files = opened.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const failed = opened.find((one) => one.status === "rejected");
  if (failed === undefined) return files;
  await Promise.all(files.map((file) => file.close()));
  throw failed.reason;
}
