import { readFile } from "node:fs/promises";

/**
 * What a process has started, what that has started, and so on, the nearest first; proc(5). Empty
 * where it has ended.
 */
export async function descendantsOf(pid: number): Promise<number[]> {
  const found: number[] = [];
  for (let parents = [pid]; parents.length > 0;) {
    parents = (await Promise.all(parents.map(childrenOf))).flat();
    found.push(...parents);
  }
  return found;
}

async function childrenOf(pid: number): Promise<number[]> {
  try {
    const line = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
    return line.trim().split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
