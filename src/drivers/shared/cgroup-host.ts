import { constants, existsSync } from "node:fs";
import { access, readFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";

import { messageOf } from "../../core/errors.ts";

/** What of the kernel holds a group of processes to a limit. */
export type CgroupController = "memory" | "cpu" | "pids";

/** A folder of the kernel's in which this process may make groups. */
export interface CgroupHierarchy {
  readonly version: 1 | 2;
  readonly controllers: readonly CgroupController[];
  readonly folder: string;
}

/** What the host allows this process. */
export interface CgroupHost {
  readonly hierarchies: readonly CgroupHierarchy[];
  /** What it does not allow, and why: a sentence each, for the operator. */
  readonly notes: readonly string[];
}

/** Whose view of the host is read: a folder as /proc/self is, and the process's id. */
export interface CgroupViewer {
  readonly proc: string;
  readonly pid: number;
}

/**
 * Where the manager goes itself when its group is divided: in version 2 a group has processes or
 * limits for its children, and not both.
 */
export const managerLeaf = "firelet-manager";

const effects: Readonly<Record<CgroupController, string>> = {
  memory: "memory",
  cpu: "processor time",
  pids: "the number of processes",
};

const thisProcess: CgroupViewer = { proc: "/proc/self", pid: process.pid };

/**
 * Finds where groups can be made: always below the group that this process is in, so that no limit
 * which the operator set on that is left. Changes nothing. Never rejects.
 */
export async function findCgroups(viewer: CgroupViewer = thisProcess): Promise<CgroupHost> {
  const hierarchies: CgroupHierarchy[] = [];
  const obstacles = new Map<string, CgroupController[]>();
  for (const controller of ["memory", "cpu", "pids"] as const) {
    try {
      const { version, folder } = await placeOf(controller, viewer);
      const found = hierarchies.find((one) => one.folder === folder);
      if (found === undefined) hierarchies.push({ version, folder, controllers: [controller] });
      else hierarchies[hierarchies.indexOf(found)] = joined(found, controller);
    } catch (error) {
      const why = messageOf(error);
      obstacles.set(why, [...(obstacles.get(why) ?? []), controller]);
    }
  }
  const notes = [...obstacles].map(([why, controllers]) => {
    const what = controllers.map((controller) => effects[controller]).join(", ");
    return `The host holds VMs to no limit of ${what}: ${why}`;
  });
  return { hierarchies, notes };
}

function joined(found: CgroupHierarchy, controller: CgroupController): CgroupHierarchy {
  return { ...found, controllers: [...found.controllers, controller] };
}

/** Rejects with the reason where no group can be made that `controller` limits. */
async function placeOf(
  controller: CgroupController,
  viewer: CgroupViewer,
): Promise<Pick<CgroupHierarchy, "version" | "folder">> {
  const groups = await groupsOf(viewer);
  const mounts = await mountsOf(viewer);
  const first = groups.find(({ controllers }) => controllers.includes(controller));
  if (first !== undefined) {
    const mount = mounts.filter(
      ({ type, options }) => type === "cgroup" && options.has(controller),
    );
    const folder = folderIn(mount, first.path);
    await checkWritable([folder]);
    return { version: 1, folder };
  }
  const second = groups.find(({ controllers }) => controllers.length === 0);
  if (second === undefined) throw new Error("its kernel has no cgroups");
  const own = folderIn(
    mounts.filter(({ type }) => type === "cgroup2"),
    second.path,
  );
  const folder = basename(own) === managerLeaf ? dirname(own) : own;
  await checkDelegated(folder, controller, viewer);
  return { version: 2, folder };
}

/** Rejects where groups of version 2 with `controller` cannot be made in `folder`. */
async function checkDelegated(
  folder: string,
  controller: CgroupController,
  viewer: CgroupViewer,
): Promise<void> {
  const known = (await readFile(join(folder, "cgroup.controllers"), "utf8")).trim().split(" ");
  if (!known.includes(controller)) {
    throw new Error(`the cgroup ${folder} was not given the controller "${controller}"`);
  }
  const files = ["cgroup.procs", "cgroup.subtree_control"].map((name) => join(folder, name));
  await checkWritable([folder, ...files]);
  if (isRoot(folder)) return;
  const others = await strangersIn(folder, viewer);
  if (others.length > 0) {
    throw new Error(
      `the manager shares the cgroup ${folder} with other processes (${others.slice(0, 3).join(", ")}); start it as a service with Delegate=yes, or with "systemd-run --scope -p Delegate=yes"`,
    );
  }
}

/** The host's topmost group, which alone may have processes and divided limits. */
export function isRoot(folder: string): boolean {
  return !existsSync(join(folder, "cgroup.type"));
}

/** The processes in a group that are neither this one nor its children. */
async function strangersIn(folder: string, { pid }: CgroupViewer): Promise<number[]> {
  const members = await membersOf(folder);
  const parents = await Promise.all(members.map(parentOf));
  return members.filter((one, index) => one !== pid && parents[index] !== pid);
}

/** The processes in a group, in the order of the kernel's; none where there is no such group. */
export async function membersOf(folder: string): Promise<number[]> {
  try {
    const text = await readFile(join(folder, "cgroup.procs"), "utf8");
    return text.split("\n").filter(Boolean).map(Number);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // ENODEV: the group was removed while its file was open.
    if (code === "ENOENT" || code === "ENODEV") return [];
    throw error;
  }
}

async function parentOf(pid: number): Promise<number | undefined> {
  try {
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    return Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1]);
  } catch {
    // It has ended.
    return undefined;
  }
}

interface Membership {
  /** Empty for the one hierarchy of version 2. */
  readonly controllers: readonly string[];
  readonly path: string;
}

/** The lines of /proc/<pid>/cgroup: `4:memory:/a/b`, or `0::/a/b` for version 2; cgroups(7). */
async function groupsOf({ proc }: CgroupViewer): Promise<Membership[]> {
  const lines = await linesOf(join(proc, "cgroup"));
  return lines.map((line) => {
    const [, controllers = "", ...path] = line.split(":");
    return { controllers: controllers.split(",").filter(Boolean), path: path.join(":") };
  });
}

interface Mount {
  readonly type: string;
  readonly options: ReadonlySet<string>;
  /** What of the file system is mounted. */
  readonly root: string;
  readonly folder: string;
}

/** The lines of /proc/<pid>/mountinfo: `32 31 0:29 <root> <folder> … - <type> <source> <options>`. */
async function mountsOf({ proc }: CgroupViewer): Promise<Mount[]> {
  const lines = await linesOf(join(proc, "mountinfo"));
  return lines.map((line) => {
    const [before = "", after = ""] = line.split(" - ");
    const [, , , root = "", folder = ""] = before.split(" ").map(unescaped);
    const [type = "", , options = ""] = after.split(" ");
    return { type, options: new Set(options.split(",")), root, folder };
  });
}

async function linesOf(file: string): Promise<string[]> {
  try {
    return (await readFile(file, "utf8")).split("\n").filter(Boolean);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** proc(5): space, tab, newline and backslash are written as octal numbers. */
function unescaped(field: string): string {
  return field.replaceAll(/\\(\d{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** Where the group `path` is found below one of `mounts`. */
function folderIn(mounts: readonly Mount[], path: string): string {
  if (mounts.length === 0) throw new Error("cgroups are not mounted");
  for (const { root, folder } of mounts) {
    const inside = relative(root, path);
    // A container may see the mount of its host, and not the part that it is in itself.
    if (!inside.split("/").includes("..")) return join(folder, inside);
  }
  throw new Error(`the manager's cgroup ${path} is outside of what is mounted`);
}

async function checkWritable(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    try {
      await access(path, constants.W_OK);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const whys: Record<string, string> = {
        EACCES: `is not writable by uid ${process.geteuid?.()}`,
        ENOENT: "is not there",
        EROFS: "is mounted read-only, as containers have it",
      };
      throw new Error(`${path} ${whys[code ?? ""] ?? messageOf(error)}`, { cause: error });
    }
  }
}
