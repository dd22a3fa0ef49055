import { realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";

import { startChild } from "../../os/child-process.ts";

/**
 * The first of the user ids that VMs run under. No account has them and systemd hands them to
 * nobody; each of the 2^22 loopback addresses has one, and 2^24 are for VMs in network namespaces.
 */
const firstUid = 1_900_000_000;
const lastUid = firstUid + 2 ** 22 + 2 ** 24 - 1;

/** Whom a VM's process runs as: nobody else on this host. */
export interface VmUser {
  readonly uid: number;
  readonly gid: number;
}

export function vmUser(slot: number): VmUser {
  return { uid: firstUid + slot, gid: firstUid + slot };
}

export function isVmUid(uid: number): boolean {
  return uid >= firstUid && uid <= lastUid;
}

/**
 * Wraps `argv` so that it dies with the manager, never gains privileges, and runs as `user` where
 * one is given. It replaces itself by the program, so the process id stays.
 */
export function confined(
  argv: readonly [string, ...string[]],
  user: VmUser | null,
): [string, ...string[]] {
  const identity =
    user === null
      ? []
      : ["--reuid", String(user.uid), "--regid", String(user.gid), "--clear-groups"];
  return ["setpriv", "--pdeathsig", "KILL", "--no-new-privs", ...identity, "--", ...argv];
}

/** Whether VMs are kept apart by users of their own, or why not. */
export type UserSeparation =
  | { readonly separate: true }
  | { readonly separate: false; readonly why: string };

/** Proves that `setpriv` works, and whether it can change the user. Rejects where it does not work. */
export async function proveUserSeparation(): Promise<UserSeparation> {
  if (!(await runs(confined(["true"], null)))) {
    throw new Error("setpriv of util-linux does not work");
  }
  const uid = process.geteuid?.();
  if (uid !== 0) return { separate: false, why: `the manager runs as uid ${uid}, not as root` };
  if (await runs(confined(["true"], vmUser(0)))) return { separate: true };
  return { separate: false, why: "the manager may not change to another user" };
}

/** Whether every user may read the file at `path`, or pass through it if it is a folder. */
export async function isOpenToAll(path: string): Promise<boolean> {
  for (const way of new Set([path, await realpath(path)])) {
    const found = await stat(way);
    if ((found.mode & (found.isDirectory() ? 0o001 : 0o004)) === 0) return false;
    const above = dirname(way);
    if (above !== way && !(await isOpenToAll(above))) return false;
  }
  return true;
}

async function runs(argv: readonly [string, ...string[]]): Promise<boolean> {
  try {
    const child = await startChild(argv, { cwd: "/", env: { PATH: process.env.PATH ?? "" } });
    child.stdout.resume();
    child.stderr.resume();
    return (await child.exited).code === 0;
  } catch {
    // It is not installed.
    return false;
  }
}
