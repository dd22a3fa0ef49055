import { constants } from "node:fs";
import { copyFile, link, mkdir, realpath, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { findProgram } from "../../os/find-program.ts";
import type { VmUser } from "../shared/vm-user.ts";

/** What is jailed, and where: `docs/jailer.md` of Firecracker. */
export interface Jail {
  /** Firecracker's jailer, by its absolute path. */
  readonly jailer: string;
  /** Firecracker, by its absolute path. */
  readonly program: string;
  /** Of the VM. */
  readonly id: string;
  readonly user: VmUser;
  /** The folder that becomes its root, absolute; it belongs to the user. */
  readonly root: string;
  /** How large a file that it writes may become. */
  readonly fileLimitBytes: number;
}

/**
 * What the jailer needs for its own files. It writes the process id into one, under the limit.
 */
export const smallFileBytes = 1024 * 1024;

/**
 * The jailer that comes with the Firecracker at `program`: the one beside it, or the one on PATH.
 * Null where there is none.
 */
export async function jailerOf(program: string): Promise<string | null> {
  const beside = join(dirname(await realpath(program)), "jailer");
  return findProgram(beside) ?? findProgram("jailer");
}

/**
 * What runs Firecracker with `args` in its jail: with the folder as its root and no other file in
 * sight, as its user, and with no process in sight but itself.
 *
 * The jailer changes the user, which takes away the signal that a VM dies by with its manager, and
 * has no process left that could hold one. So the first process of the VM's PID namespace is a
 * shell that waits: it keeps the signal, and all others end with it.
 */
export async function jailed(
  { jailer, program, id, user, root, fileLimitBytes }: Jail,
  args: readonly string[],
): Promise<readonly [string, ...string[]]> {
  const base = `${root}.jail`;
  // The jailer has its own mind of where in this folder the root is.
  const place = join(base, basename(await realpath(program)), id);
  await mkdir(place, { recursive: true, mode: 0o700 });
  await symlink(root, join(place, "root"));
  const jail = [jailer, "--id", id, "--exec-file", program, "--chroot-base-dir", base];
  jail.push("--uid", String(user.uid), "--gid", String(user.gid));
  // The manager has control groups of its own; with version 2 it would look for one to move to.
  jail.push("--cgroup-version", "1", "--resource-limit", `fsize=${fileLimitBytes}`);
  return [...waiting, ...jail, "--", ...args];
}

/** The shell does more than wait, or it would become the jailer, and then the VM. */
const waiting = "unshare --pid --fork --kill-child=KILL -- sh -c"
  .split(" ")
  .concat('"$@"; exit $?', "sh") as [string, ...string[]];

/**
 * Makes files be found in a jail by these names: the same ones, where they are on the same file
 * system, and else copies. Rejects where not everybody may read one.
 */
export async function placeInJail(
  root: string,
  paths: Readonly<Record<string, string>>,
): Promise<void> {
  await Promise.all(
    Object.entries(paths).map(async ([name, path]) => {
      const inside = join(root, name);
      try {
        await link(await realpath(path), inside);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error;
        await copyFile(path, inside, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      }
    }),
  );
}

/** Whether a program can be jailed under this name; the jailer takes no other. */
export async function isJailable(program: string): Promise<boolean> {
  return basename(await realpath(program)).includes("firecracker");
}
