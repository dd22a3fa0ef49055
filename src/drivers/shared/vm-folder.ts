import { chmod, chown, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import type { GuestAddress, VmSpec } from "../../core/vm.ts";
import type { VmUser } from "./vm-user.ts";

/** What a VM's folder may be called: an id of our own, never a path. */
const folderName = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/;

/**
 * `<data>/vms/<id>/`: what a driver remembers of a VM, and the operator's window on it. All in it
 * is the manager's, so that nothing in it can be forged from within the VM, but `run/`, which is
 * the VM's own user's.
 */
export class VmFolder {
  readonly path: string;
  /** What was asked for, as JSON; written for people. */
  readonly spec: string;
  /** The VM's process, as `ProcessJournal` reads it. */
  readonly journal: string;
  /** What the guest prints. */
  readonly consoleLog: string;
  /** What the VMM itself prints. */
  readonly vmmLog: string;
  /** Where the VM's control groups are, as `VmCgroups` records them. */
  readonly groups: string;
  /** The working folder of the VM's process. */
  readonly run: string;

  constructor(path: string) {
    this.path = path;
    this.spec = join(path, "spec.json");
    this.journal = join(path, "process.json");
    this.consoleLog = join(path, "console.log");
    this.vmmLog = join(path, "vmm.log");
    this.groups = join(path, "cgroups.json");
    this.run = join(path, "run");
  }

  /** Makes the folder, which must not exist. Other users may pass through it, and read nothing. */
  async create(spec: VmSpec, address: GuestAddress): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true });
    await mkdir(this.path);
    try {
      // By chmod, since the manager's umask keeps what it makes from everybody.
      await chmod(dirname(this.path), 0o711);
      await chmod(this.path, 0o711);
      const text = `${JSON.stringify({ ...spec, address }, null, 2)}\n`;
      await writeFile(this.spec, text, { mode: 0o600 });
      await mkdir(this.run, { mode: 0o700 });
    } catch (error) {
      await this.remove();
      throw error;
    }
  }

  /** Gives `run/` to the VM's user. */
  async handOver({ uid, gid }: VmUser): Promise<void> {
    await chown(this.run, uid, gid);
  }

  /** Removes the folder and all in it. Repeatable. */
  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** The folders of all VMs in one data folder. */
export class VmFolders {
  readonly #root: string;

  constructor(dataDir: string) {
    this.#root = join(dataDir, "vms");
  }

  /** The folder of a VM, there or not; undefined where `vmId` cannot be a VM's. */
  of(vmId: string): VmFolder | undefined {
    return folderName.test(vmId) ? new VmFolder(join(this.#root, vmId)) : undefined;
  }

  /** The ids of all VMs that have a folder. */
  async list(): Promise<readonly string[]> {
    try {
      const entries = await readdir(this.#root, { withFileTypes: true });
      return entries
        .filter((entry) => entry.isDirectory() && folderName.test(entry.name))
        .map((entry) => entry.name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  }
}
