import { mkdir, realpath, symlink, writeFile } from "node:fs/promises";
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
  /** What it finds in there besides, to read: a name and the absolute path of each. */
  readonly files: Readonly<Record<string, string>>;
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
 * shell that waits: it keeps the signal, and all others end with it. In a mount namespace of its own
 * it first puts the files in their places, which leaves them untouched, unlike links, and goes away
 * with the VM.
 */
export async function jailed(
  { jailer, program, id, user, root, files, fileLimitBytes }: Jail,
  args: readonly string[],
): Promise<readonly [string, ...string[]]> {
  const base = `${root}.jail`;
  // The jailer has its own mind of where in this folder the root is.
  const place = join(base, basename(await realpath(program)), id);
  await mkdir(place, { recursive: true, mode: 0o700 });
  await symlink(root, join(place, "root"));
  const mounts = Object.entries(files).map(([name, path]) => [path, join(root, name)] as const);
  await Promise.all(mounts.map(([, inside]) => writeFile(inside, "", { flag: "wx" })));
  const jail = [jailer, "--id", id, "--exec-file", program, "--chroot-base-dir", base];
  jail.push("--uid", String(user.uid), "--gid", String(user.gid));
  // The manager has control groups of its own; with version 2 it would look for one to move to.
  jail.push("--cgroup-version", "1", "--resource-limit", `fsize=${fileLimitBytes}`);
  return [
    ...namespaces,
    "sh",
    "-c",
    supervise,
    "sh",
    ...mounts.flat(),
    "--",
    ...jail,
    "--",
    ...args,
  ];
}

const namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--"] as const;

/**
 * Mounts pairs of files up to `--`, runs what follows, and waits for that: it does something after
 * that, or it would become the jailer, and then the VM.
 */
const supervise = `
while [ "$1" != -- ]; do
  mount -o bind,ro "$1" "$2" || exit
  shift 2
done
shift
"$@"
exit $?`;

/** Whether a program can be jailed under this name; the jailer takes no other. */
export async function isJailable(program: string): Promise<boolean> {
  return basename(await realpath(program)).includes("firecracker");
}
