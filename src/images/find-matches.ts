import { glob } from "node:fs/promises";

/** The paths below `folder` that match a glob, in order of their names. */
export async function findMatches(folder: string, pattern: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const path of glob(pattern, { cwd: folder })) paths.push(path);
  return paths.toSorted();
}
