import { readFileSync } from "node:fs";

/** Whether a process runs; one of which only the exit status is left does not. */
export function isRunning(pid: number): boolean {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/^[ZX]/.test(line.slice(line.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}
