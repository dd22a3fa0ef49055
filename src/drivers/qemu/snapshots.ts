import { setTimeout as sleep } from "node:timers/promises";

import { messageOf, PlatformError } from "../../core/errors.ts";
import type { SnapshotConditions, SnapshotFiles } from "../../core/snapshot.ts";
import { guestPort, type VmSpec } from "../../core/vm.ts";
import type { NetworkKind } from "../../ports/network.ts";
import type { PausedVm, VmSnapshots } from "../../ports/vm-driver.ts";
import { hostProcessor } from "../shared/host-processor.ts";
import type { StartedVmm, VmEntry } from "../shared/vm-launch.ts";
import { limitOf } from "../shared/time-limit.ts";
import type { VmRunner } from "../shared/vm-runner.ts";
import { incomingFd, qemuCommandLine, type QemuMachine } from "./command-line.ts";
import type { QemuControls } from "./controls.ts";
import { vmImage } from "../shared/vm-image.ts";
import { qemuLaunch, qemuNetwork } from "./launch.ts";
import type { QmpConnection } from "./qmp.ts";
import { StateReceiver } from "./state-receiver.ts";

/** What the snapshots of a driver need of it. */
export interface QemuSnapshotsDeps {
  readonly runner: VmRunner;
  readonly controls: QemuControls;
  /** The machine that guests of this image get, and the version of QEMU. */
  readonly host: (spec: VmSpec) => Promise<{ machine: QemuMachine; version: string }>;
  readonly network: NetworkKind;
}

/** How long QEMU may take to write or read the state of a machine; it takes some 15 ms. */
const migrationLimitMs = 20_000;

/** How long QEMU may take to let a VM run; it takes less than a millisecond. */
const resumeLimitMs = 5_000;

/**
 * Snapshots by QEMU's migration. Memory stays in its file (`x-ignore-shared`), so what goes through
 * the stream is the state of processors and devices, some 70 KB.
 */
export class QemuSnapshots implements VmSnapshots {
  readonly #deps: QemuSnapshotsDeps;
  /** VMs that were restored and stand still. */
  readonly #paused = new Set<string>();
  /** Templates that run: where the state of their snapshot goes. */
  readonly #templates = new Map<string, Template>();

  constructor(deps: QemuSnapshotsDeps) {
    this.#deps = deps;
  }

  async conditions(spec: VmSpec): Promise<SnapshotConditions> {
    const { machine, version } = await this.#deps.host(spec);
    const { counterKhz } = machine;
    // The rate is measured at each boot of the host, and comes out a little different.
    const rounded = counterKhz === null ? null : Math.round(counterKhz / 10_000) * 10_000;
    const { vcpus, memoryMib } = spec;
    const [, ...argv] = qemuCommandLine(
      { ...machine, counterKhz: rounded },
      {
        name: "name",
        network: qemuNetwork(this.#deps.network, { host: "host", port: guestPort }),
        vcpus,
        memoryMib,
        memory: { shared: false, incoming: true },
      },
    );
    return {
      format: "1",
      vmm: version,
      arguments: argv.join(" "),
      // The emulated one is named by the arguments, to the last flag.
      processor: machine.accelerator === "tcg" ? "emulated" : await hostProcessor(),
      image: vmImage(spec).digest,
    };
  }

  async take(vmId: string, signal: AbortSignal): Promise<void> {
    const template = this.#templates.get(vmId);
    try {
      if (template === undefined) throw new Error("it is no template that runs");
      const limit = limitOf(migrationLimitMs, "its state was not written");
      await writeState(template, AbortSignal.any([signal, limit]));
    } catch (error) {
      signal.throwIfAborted();
      const message = `Cannot take a snapshot of VM ${vmId}: ${messageOf(error)}`;
      throw new PlatformError("vm_lost", message, { cause: error });
    } finally {
      await this.#deps.runner.destroy(vmId);
    }
  }

  async restore(spec: VmSpec, from: SnapshotFiles, signal: AbortSignal): Promise<PausedVm> {
    const vm = await this.#deps.runner.start(spec, this.#entry(from), signal);
    return { ...vm, resume: () => this.#resume(spec) };
  }

  async tell(vmId: string, message: Uint8Array): Promise<void> {
    await this.#deps.runner.write(vmId, message);
  }

  /** Takes control of a VM whose guest has not run code of a function yet, until it has ended. */
  async hold(spec: VmSpec, started: StartedVmm, signal: AbortSignal): Promise<QmpConnection> {
    const { id, template } = spec;
    const control = await this.#deps.controls.hold(id, started, signal);
    if (template !== undefined) {
      this.#templates.set(id, { control, runFolder: started.runFolder, state: template.state });
      void started.exited.then(() => this.#templates.delete(id));
    }
    return control;
  }

  #entry(from: SnapshotFiles): VmEntry {
    return {
      launch: async (spec, { address }) => {
        const { machine } = await this.#deps.host(spec);
        const network = qemuNetwork(this.#deps.network, address);
        return qemuLaunch({ machine, spec, network, from });
      },
      becomeReady: async (spec, started, until) => {
        const control = await this.hold(spec, started, until);
        await keepMemoryOut(control, until);
        await control.execute("migrate-incoming", until, { uri: `fd:${incomingFd}` });
        await migrated(control, until);
        this.#paused.add(spec.id);
        void started.exited.then(() => this.#paused.delete(spec.id));
      },
      tooSlow: (seconds) => `its snapshot was not restored within ${seconds} s`,
    };
  }

  async #resume({ id, name }: VmSpec): Promise<void> {
    const control = this.#deps.controls.of(id);
    try {
      if (control === undefined || !this.#paused.delete(id))
        throw new Error("it has ended, or runs already");
      await control.execute("cont", limitOf(resumeLimitMs, "QEMU did not let it run"));
    } catch (error) {
      const message = `Cannot start VM "${name}": ${messageOf(error)}`;
      throw new PlatformError("vm_start_failed", message, { cause: error });
    }
  }
}

interface Template {
  readonly control: QmpConnection;
  readonly runFolder: string;
  readonly state: string;
}

/** Stops a template and writes the state of its machine. */
async function writeState(
  { control, runFolder, state }: Template,
  signal: AbortSignal,
): Promise<void> {
  await control.execute("stop", signal);
  await keepMemoryOut(control, signal);
  await control.execute("migrate-set-parameters", signal, { "max-bandwidth": 2 ** 40 });
  await using receiver = await StateReceiver.open(runFolder, state);
  await control.execute("migrate", signal, { uri: `unix:${receiver.path}` });
  await migrated(control, signal);
  await receiver.finished(signal);
}

async function keepMemoryOut(control: QmpConnection, signal: AbortSignal): Promise<void> {
  const capabilities = [{ capability: "x-ignore-shared", state: true }];
  await control.execute("migrate-set-capabilities", signal, { capabilities });
}

/** Resolves when the state has been written, or read; rejects where QEMU fails at it. */
async function migrated(control: QmpConnection, signal: AbortSignal): Promise<void> {
  for (;;) {
    const info = (await control.execute("query-migrate", signal)) as MigrationInfo;
    if (info.status === "completed") return;
    if (info.status === "failed" || info.status === "cancelled") {
      throw new Error(info["error-desc"] ?? `the migration ${info.status}`);
    }
    await sleep(1, undefined, { signal });
  }
}

/** What `query-migrate` answers; empty before there is a migration. */
interface MigrationInfo {
  readonly status?: string;
  readonly "error-desc"?: string;
}
