import { mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { messageOf } from "../../core/errors.ts";
import { dataFolderTag } from "../../os/data-folder-tag.ts";
import {
  type CgroupHierarchy,
  type CgroupHost,
  type CgroupViewer,
  findCgroups,
  isRoot,
  managerLeaf,
  membersOf,
} from "./cgroup-host.ts";
import { type CgroupSetting, settingsOf, settingsOfAll, type VmLimits } from "./cgroup-limits.ts";

export interface VmCgroupsOptions {
  /** Tells the groups of two managers on one host apart. */
  readonly dataDir: string;
  /** This process unless told. */
  readonly viewer?: CgroupViewer;
  /** How a group is removed, which the kernel does with a plain rmdir. */
  readonly removeGroup?: (folder: string) => Promise<void>;
}

const removeLimitMs = 5_000;

/**
 * The control groups of a manager's VMs: one for each VM, below one for them all, below the one that
 * the manager is in. Where the host allows none, VMs run without.
 */
export class VmCgroups {
  /** The group of all VMs, wherever it is. */
  readonly name: string;
  readonly #viewer: CgroupViewer;
  readonly #removeGroup: (folder: string) => Promise<void>;
  #host: Promise<CgroupHost> | undefined;

  constructor({ dataDir, viewer, removeGroup = rmdir }: VmCgroupsOptions) {
    this.name = `firelet-${dataFolderTag(dataDir)}`;
    this.#viewer = viewer ?? { proc: "/proc/self", pid: process.pid };
    this.#removeGroup = removeGroup;
  }

  /**
   * Begins to make the groups of a VM, and returns at once: that takes some milliseconds, in which
   * the VM can start. `record` is a file where a later manager finds them, whatever group that one
   * is in.
   */
  create(vmId: string, limits: VmLimits | Promise<VmLimits>, record: string): VmCgroup {
    return new VmCgroup(this.#make(vmId, limits, record), limits, (folders) =>
      this.#remove(folders),
    );
  }

  async #make(
    vmId: string,
    limits: VmLimits | Promise<VmLimits>,
    record: string,
  ): Promise<readonly string[]> {
    const [{ hierarchies }, wanted] = await Promise.all([this.#prepared(), limits]);
    if (hierarchies.length === 0) return [];
    const placed = hierarchies.map((one) => ({
      ...one,
      folder: join(one.folder, this.name, vmId),
    }));
    const folders = placed.map(({ folder }) => folder);
    // Not synced: a crash of the host takes the groups along.
    await writeFile(record, JSON.stringify(folders), { mode: 0o600 });
    const made = await Promise.allSettled(placed.map((one) => makeGroup(one, wanted)));
    const failed = made.find((one) => one.status === "rejected");
    if (failed === undefined) return folders;
    // Why it failed counts for more than what could not be removed after it.
    await this.#remove(folders).catch(() => undefined);
    throw new Error(`its control group cannot be made: ${messageOf(failed.reason)}`, {
      cause: failed.reason,
    });
  }

  /** Ends what runs in the groups that an earlier manager recorded for a VM, and removes them. */
  async removeStray(vmId: string, record: string): Promise<void> {
    const folders = await readRecord(record);
    // Nothing but what `create` makes is ever ended.
    const isOurs = (folder: string) =>
      basename(folder) === vmId && basename(dirname(folder)) === this.name;
    await this.#remove(folders.filter(isOurs));
  }

  async #remove(folders: readonly string[]): Promise<void> {
    await Promise.all(folders.map((folder) => endGroup(folder, this.#removeGroup)));
    for (const parent of new Set(folders.map((folder) => dirname(folder)))) {
      // The last VM's takes the group of all along; it is made again for the next.
      await this.#removeGroup(parent).catch(() => undefined);
    }
  }

  async #prepared(): Promise<CgroupHost> {
    this.#host ??= this.#prepare();
    try {
      return await this.#host;
    } catch (error) {
      this.#host = undefined;
      throw error;
    }
  }

  /** In version 2, makes room for groups below that of the manager. */
  async #prepare(): Promise<CgroupHost> {
    const found = await findCgroups(this.#viewer);
    for (const { version, folder, controllers } of found.hierarchies) {
      if (version === 1) continue;
      if (!isRoot(folder)) await enterLeaf(folder);
      await handDown(folder, controllers);
    }
    return found;
  }
}

/** The control groups of one VM; none at all where the host allows none. */
export class VmCgroup {
  /** Their folders, once they are made; rejects where they cannot be. */
  readonly folders: Promise<readonly string[]>;
  readonly #limits: VmLimits | Promise<VmLimits>;
  readonly #remove: (folders: readonly string[]) => Promise<void>;

  constructor(
    folders: Promise<readonly string[]>,
    limits: VmLimits | Promise<VmLimits>,
    remove: (folders: readonly string[]) => Promise<void>,
  ) {
    this.folders = folders;
    this.#limits = limits;
    this.#remove = remove;
    // Whoever adds a process is told; where none is added, nobody misses the groups.
    void folders.catch(() => undefined);
  }

  /** Holds a process to the limits from now on, with all that it starts. */
  async add(pid: number): Promise<void> {
    const folders = await this.folders;
    await Promise.all(
      folders.map(async (folder) => {
        try {
          await writeFile(join(folder, "cgroup.procs"), String(pid));
        } catch (error) {
          // It has ended already, for which there are better reasons than this one.
          if ((error as NodeJS.ErrnoException).code === "ESRCH") return;
          throw new Error(`it cannot be put into its control group: ${messageOf(error)}`, {
            cause: error,
          });
        }
      }),
    );
  }

  /** Which of its limits ended a process of the VM, in words; empty where none did. */
  async whatEnded(): Promise<string> {
    const kills = await Promise.all((await this.#made()).map(memoryKills));
    if (!kills.some((count) => count > 0)) return "";
    const { memoryMib } = await this.#limits;
    return `it needed more memory than the ${memoryMib} MiB that the host gives it`;
  }

  /** Ends whatever runs in it, and removes it. Repeatable. */
  async remove(): Promise<void> {
    await this.#remove(await this.#made());
  }

  #made(): Promise<readonly string[]> {
    return this.folders.catch(() => []);
  }
}

async function makeGroup(
  { version, controllers, folder }: CgroupHierarchy,
  limits: VmLimits,
): Promise<void> {
  const all = dirname(folder);
  const cpus = availableParallelism();
  for (let attempt = 1; ; attempt += 1) {
    try {
      await mkdir(all, { recursive: true });
      if (version === 2) await handDown(all, controllers);
      await apply(
        all,
        controllers.flatMap((one) => settingsOfAll(version, one, cpus)),
      );
      await mkdir(folder);
      break;
    } catch (error) {
      // The end of what was the last VM until now took the group of all along.
      const { code } = error as NodeJS.ErrnoException;
      if ((code !== "ENOENT" && code !== "ENODEV") || attempt === 5) throw error;
    }
  }
  await apply(
    folder,
    controllers.flatMap((one) => settingsOf(version, one, limits)),
  );
}

async function apply(folder: string, settings: readonly CgroupSetting[]): Promise<void> {
  for (const { file, value, optional = false } of settings) {
    try {
      await writeFile(join(folder, file), value);
    } catch (error) {
      const { code = "" } = error as NodeJS.ErrnoException;
      // A file that the kernel does not have cannot be made either.
      if (!optional || !["ENOENT", "EACCES", "EPERM"].includes(code)) throw error;
    }
  }
}

/** Moves this process, and what it has started, out of `folder` and into a group of its own there. */
async function enterLeaf(folder: string): Promise<void> {
  const leaf = join(folder, managerLeaf);
  await mkdir(leaf, { recursive: true });
  for (const pid of await membersOf(folder)) {
    await writeFile(join(leaf, "cgroup.procs"), String(pid)).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    });
  }
}

/** Lets the groups in `folder` have limits of their own. */
async function handDown(folder: string, controllers: readonly string[]): Promise<void> {
  const wanted = controllers.map((controller) => `+${controller}`).join(" ");
  await writeFile(join(folder, "cgroup.subtree_control"), wanted);
}

/** How often the kernel ended a process in a group for want of memory. */
async function memoryKills(folder: string): Promise<number> {
  for (const name of ["memory.events", "memory.oom_control"]) {
    const text = await readFile(join(folder, name), "utf8").catch(() => "");
    const count = /^oom_kill (\d+)$/m.exec(text)?.[1];
    if (count !== undefined) return Number(count);
  }
  return 0;
}

async function endGroup(
  folder: string,
  removeGroup: (folder: string) => Promise<void>,
): Promise<void> {
  const deadline = performance.now() + removeLimitMs;
  for (;;) {
    for (const pid of await membersOf(folder)) sendKill(pid);
    try {
      return await removeGroup(folder);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") return;
      // A process that was killed is in its group until it has ended.
      if (code !== "EBUSY" || performance.now() > deadline) throw error;
    }
    await sleep(5);
  }
}

function sendKill(pid: number): void {
  // 0 stands for a process that this one cannot see, and would be this one's own group.
  if (pid <= 1) return;
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function readRecord(record: string): Promise<readonly string[]> {
  const text = await readFile(record, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  try {
    const folders = JSON.parse(text) as unknown;
    return Array.isArray(folders) ? folders.map(String) : [];
  } catch {
    // A manager that was killed before it had written this had made no group.
    return [];
  }
}
