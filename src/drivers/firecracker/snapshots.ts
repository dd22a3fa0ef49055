import { constants } from "node:fs";
import { lstat, open, rename } from "node:fs/promises";
import { release } from "node:os";
import { join } from "node:path";

import { messageOf, PlatformError } from "../../core/errors.ts";
import type { SnapshotConditions, SnapshotFiles } from "../../core/snapshot.ts";
import type { VmSpec } from "../../core/vm.ts";
import { runCommand } from "../../os/run-command.ts";
import type { PausedVm, VmSnapshots } from "../../ports/vm-driver.ts";
import { hostProcessor } from "../shared/host-processor.ts";
import { limitOf } from "../shared/time-limit.ts";
import type { StartedVmm, VmEntry } from "../shared/vm-launch.ts";
import type { VmRunner } from "../shared/vm-runner.ts";
import type { FirecrackerControls } from "./controls.ts";
import { vmImage } from "../shared/vm-image.ts";
import { firecrackerLaunch, type FirecrackerPrograms } from "./launch.ts";
import { bootCalls, restoreCalls, resumeCall, snapshotCalls, vmFiles } from "./machine.ts";

/** What the snapshots of a driver need of it. */
export interface FirecrackerSnapshotsDeps {
  readonly runner: VmRunner;
  readonly controls: FirecrackerControls;
  /** The programs, and Firecracker's version as the probe says it. */
  readonly host: (spec: VmSpec) => Promise<FirecrackerPrograms & { version: string }>;
}

/** How long Firecracker may take to write the memory of a guest. */
const takeLimitMs = 20_000;

/** How long Firecracker may take to let a VM run. */
const resumeLimitMs = 5_000;

/**
 * Snapshots as Firecracker makes them: it writes the memory of a template that stands still, and
 * clones map that file copy on write. Nobody writes to it again.
 */
export class FirecrackerSnapshots implements VmSnapshots {
  readonly #deps: FirecrackerSnapshotsDeps;
  /** VMs that were restored and stand still. */
  readonly #paused = new Set<string>();
  /** Templates that run: where their snapshot goes. */
  readonly #templates = new Map<string, SnapshotFiles>();

  constructor(deps: FirecrackerSnapshotsDeps) {
    this.#deps = deps;
  }

  async conditions(spec: VmSpec): Promise<SnapshotConditions> {
    const { version } = await this.#deps.host(spec);
    return {
      format: "1",
      vmm: version,
      // The name, which is in the kernel's command line, is the only thing that may differ.
      machine: JSON.stringify(bootCalls({ ...spec, name: "name" }, "tap")),
      processor: await hostProcessor(),
      // What KVM shows a guest of the processor is for the host's kernel to say.
      kernel: release(),
      image: vmImage(spec).digest,
    };
  }

  async take(vmId: string, signal: AbortSignal): Promise<void> {
    const files = this.#templates.get(vmId);
    try {
      if (files === undefined) throw new Error("it is no template that runs");
      const control = this.#deps.controls.of(vmId);
      const limit = limitOf(takeLimitMs, "its snapshot was not written");
      await control.api.run(snapshotCalls, AbortSignal.any([signal, limit]));
      await keep(join(control.runFolder, vmFiles.newState), files.state);
      await keep(join(control.runFolder, vmFiles.newMemory), files.memory);
    } catch (error) {
      signal.throwIfAborted();
      const message = `Cannot take a snapshot of VM ${vmId}: ${messageOf(error)}`;
      throw new PlatformError("vm_lost", message, { cause: error });
    } finally {
      await this.#deps.runner.destroy(vmId);
    }
    // What the guest never touched costs no disk; not every file system can do that.
    await runCommand(["fallocate", "--dig-holes", files.memory], { signal }).catch(() => undefined);
  }

  async restore(spec: VmSpec, from: SnapshotFiles, signal: AbortSignal): Promise<PausedVm> {
    const vm = await this.#deps.runner.start(spec, this.#entry(from), signal);
    return { ...vm, resume: () => this.#resume(spec) };
  }

  async tell(vmId: string, message: Uint8Array): Promise<void> {
    try {
      await this.#deps.controls.of(vmId).wake.write(message);
    } catch (error) {
      const text = `Cannot write to VM ${vmId}: ${messageOf(error)}`;
      throw new PlatformError("vm_lost", text, { cause: error });
    }
  }

  /** Notes where the snapshot of a template goes, until it has ended. */
  expect({ id, template }: VmSpec, { exited }: StartedVmm): void {
    if (template === undefined) return;
    this.#templates.set(id, template);
    void exited.then(() => this.#templates.delete(id));
  }

  #entry(from: SnapshotFiles): VmEntry {
    return {
      launch: async (spec, place) =>
        firecrackerLaunch({ host: await this.#deps.host(spec), spec, place, from }),
      becomeReady: async (spec, started, until) => {
        await this.#deps.controls.make(spec.id, started, restoreCalls, until);
        this.expect(spec, started);
        this.#paused.add(spec.id);
        void started.exited.then(() => this.#paused.delete(spec.id));
      },
      tooSlow: (seconds) => `its snapshot was not restored within ${seconds} s`,
    };
  }

  async #resume({ id, name }: VmSpec): Promise<void> {
    try {
      const { api } = this.#deps.controls.of(id);
      if (!this.#paused.delete(id)) throw new Error("it runs already");
      await api.run([resumeCall], limitOf(resumeLimitMs, "Firecracker did not let it run"));
    } catch (error) {
      const message = `Cannot start VM "${name}": ${messageOf(error)}`;
      throw new PlatformError("vm_start_failed", message, { cause: error });
    }
  }
}

/**
 * Takes a file that a Firecracker has written in its own folder, where it could have put a link to
 * another in its place. Everybody may read it, in a folder that is closed to all but the manager.
 */
async function keep(written: string, path: string): Promise<void> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  await using file = await open(written, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  const found = await file.stat();
  if (!found.isFile() || found.nlink !== 1) throw new Error(`${written} is no file of its own`);
  await rename(written, path);
  const kept = await lstat(path);
  if (kept.ino !== found.ino || kept.dev !== found.dev) throw new Error(`${written} was replaced`);
  await file.chown(process.geteuid?.() ?? 0, process.getegid?.() ?? 0);
  await file.chmod(0o444);
}
