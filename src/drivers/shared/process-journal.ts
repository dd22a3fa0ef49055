import { readdir, readFile, readlink, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

import { replaceFile } from "../../os/atomic-file.ts";
import { isVmUid } from "./vm-user.ts";

/**
 * What tells a VM's process from any other that may have its number later: the kernel hands out
 * a process id again, but not with the same start time in the same boot.
 */
export interface JournaledProcess {
  readonly pid: number;
  /** Clock ticks after the host's boot, from /proc/<pid>/stat. */
  readonly startTicks: number;
  readonly bootId: string;
  /** Null while the VM boots, when the program may still replace itself by another. */
  readonly executable: string | null;
  /** The user of this VM alone; null where it runs as the manager. */
  readonly uid: number | null;
}

const killLimitMs = 5_000;

/** Describes the running process `pid`; undefined where there is none. */
export async function describeProcess(
  pid: number,
  uid: number | null,
  { booted }: { readonly booted: boolean },
): Promise<JournaledProcess | undefined> {
  const found = await readProcess(pid);
  if (found === undefined) return undefined;
  const executable = booted ? await executableOf(pid) : null;
  return { pid, startTicks: found.startTicks, bootId: await hostBootId(), executable, uid };
}

/**
 * Writes the journal at `path`, which a reader finds whole or as it was before. Not for the disk:
 * when the host goes, so does the process.
 */
export async function writeJournal(path: string, entry: JournaledProcess): Promise<void> {
  await replaceFile(path, `${JSON.stringify(entry, null, 2)}\n`, 0o600);
}

/** The journal at `path`; undefined where there is none that can be read. */
export async function readJournal(path: string): Promise<JournaledProcess | undefined> {
  try {
    const entry = JSON.parse(await readFile(path, "utf8")) as JournaledProcess;
    return Number.isInteger(entry.pid) && entry.pid > 1 ? entry : undefined;
  } catch {
    // A manager that was killed before it wrote the first journal took the VM along, by its death
    // signal, before the VM was given a function: nothing can have detached itself.
    return undefined;
  }
}

/** Whether the journaled process still runs, and is not another one that got its number. */
export async function isRunning(entry: JournaledProcess): Promise<boolean> {
  const found = await readProcess(entry.pid);
  if (found === undefined || found.startTicks !== entry.startTicks) return false;
  if (entry.bootId !== (await hostBootId())) return false;
  return entry.executable === null || entry.executable === (await executableOf(entry.pid));
}

/** Kills the journaled process and its group, if it is that, and resolves when it has gone. */
export async function killJournaled(entry: JournaledProcess): Promise<void> {
  if (await isRunning(entry)) {
    const { group } = (await readProcess(entry.pid)) ?? {};
    sendKill(group === entry.pid ? -entry.pid : entry.pid);
    await waitUntilGone(() => isRunning(entry), `process ${entry.pid}`);
  }
  if (entry.uid !== null) await killAllOf(entry.uid);
}

/**
 * Kills whatever runs as a VM's own user: what a function started and detached. Resolves when
 * nothing does.
 */
export async function killAllOf(uid: number): Promise<void> {
  if (!isVmUid(uid) || process.geteuid?.() !== 0) return;
  await waitUntilGone(async () => {
    const pids = await processesOf(uid);
    for (const pid of pids) sendKill(pid);
    return pids.length > 0;
  }, `processes of uid ${uid}`);
}

async function processesOf(uid: number): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const owned = await Promise.all(
    pids.map(async (pid) => {
      const owner = await stat(`/proc/${pid}`).catch(() => undefined);
      return owner?.uid === uid && (await readProcess(pid)) !== undefined;
    }),
  );
  return pids.filter((_, index) => owned[index]);
}

/** Group and start time of a process; undefined where there is none, or only its exit status. */
async function readProcess(
  pid: number,
): Promise<{ readonly group: number; readonly startTicks: number } | undefined> {
  try {
    const line = await readFile(`/proc/${pid}/stat`, "utf8");
    // proc(5): the second field is the program's name in parentheses and may hold anything.
    const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return undefined;
    return { group: Number(fields[2]), startTicks: Number(fields[19]) };
  } catch {
    return undefined;
  }
}

async function executableOf(pid: number): Promise<string | null> {
  try {
    // An upgrade while it runs takes the file away, which the kernel marks.
    return (await readlink(`/proc/${pid}/exe`)).replace(/ \(deleted\)$/, "");
  } catch {
    return null;
  }
}

/** Changes with every boot of the host. */
export async function hostBootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
}

function sendKill(target: number): void {
  try {
    process.kill(target, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function waitUntilGone(remains: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + killLimitMs;
  while (await remains()) {
    if (performance.now() > deadline) {
      throw new Error(`Cannot end ${what}: still there ${killLimitMs} ms after SIGKILL`);
    }
    await sleep(10);
  }
}
