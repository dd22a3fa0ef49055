import { messageOf, PlatformError } from "../../core/errors.ts";
import type { VmSpec } from "../../core/vm.ts";
import type { VmNetwork } from "../../ports/network.ts";
import type { AgentLine, RunningVm, VmmUse } from "../../ports/vm-driver.ts";
import { agentLine } from "./agent-line.ts";
import { readLogEnd } from "./bounded-log.ts";
import { VmCgroups } from "./cgroup.ts";
import { printable } from "./output-tail.ts";
import { killJournaled, readJournal } from "./process-journal.ts";
import { measureProcess } from "./process-use.ts";
import { VmFolders } from "./vm-folder.ts";
import type { VmEntry, Vmm } from "./vm-launch.ts";
import { VmProcess } from "./vm-process.ts";

export interface VmRunnerOptions {
  readonly dataDir: string;
  /** Where VMs get their addresses, and what they may connect to. */
  readonly network: VmNetwork;
  /** How long a guest may take from its start to its first answer; 60 s unless told. */
  readonly bootTimeoutMs?: number;
  /** How long a VM may take to end by itself before it is killed; 2 s unless told. */
  readonly stopGraceMs?: number;
}

/** How much of a console `readConsole` returns. */
const consoleEndBytes = 256 * 1024;

/** Starts, finds and ends VMs that are a child process each: what all drivers have in common. */
export class VmRunner {
  readonly #vmm: Vmm;
  readonly #bootTimeoutMs: number;
  readonly #stopGraceMs: number;
  readonly #folders: VmFolders;
  readonly #cgroups: VmCgroups;
  readonly #network: VmNetwork;
  readonly #vms = new Map<string, VmProcess>();

  constructor(vmm: Vmm, options: VmRunnerOptions) {
    const { dataDir, network, bootTimeoutMs = 60_000, stopGraceMs = 2_000 } = options;
    this.#network = network;
    this.#vmm = vmm;
    this.#bootTimeoutMs = bootTimeoutMs;
    this.#stopGraceMs = stopGraceMs;
    this.#folders = new VmFolders(dataDir);
    this.#cgroups = new VmCgroups({ dataDir });
  }

  /** Starts a VM; see `VmDriver.boot`. */
  async start(spec: VmSpec, entry: VmEntry, signal: AbortSignal): Promise<RunningVm> {
    signal.throwIfAborted();
    const folder = this.#folders.of(spec.id);
    if (folder === undefined || this.#vms.has(spec.id)) {
      const why = folder === undefined ? "cannot name a folder" : "is that of a running VM";
      throw new PlatformError(
        "vm_start_failed",
        `Cannot start VM "${spec.name}": its id "${spec.id}" ${why}`,
      );
    }
    const vm = new VmProcess(spec, {
      vmm: this.#vmm,
      entry,
      folder,
      cgroups: this.#cgroups,
      network: this.#network,
      bootTimeoutMs: this.#bootTimeoutMs,
      stopGraceMs: this.#stopGraceMs,
      onGone: () => this.#vms.delete(spec.id),
    });
    this.#vms.set(spec.id, vm);
    return vm.start(signal);
  }

  /** Writes to the standard input of a VM's process. Rejects with `vm_lost`. */
  async write(vmId: string, data: Uint8Array): Promise<void> {
    await this.#use(vmId, "write to", (vm) => vm.write(data));
  }

  /** See `VmDriver.measure`; what a disk does is the driver's to add. */
  measure(vmId: string): Promise<Omit<VmmUse, "disk">> {
    return this.#use(vmId, "measure", ({ process }) => {
      if (process === undefined) throw new Error("its process has not started");
      return measureProcess(process.pid, process.tap);
    });
  }

  /** See `VmDriver.agentLine`. */
  agentLine(vmId: string): AgentLine | undefined {
    const channel = this.#vms.get(vmId)?.process?.channel;
    return channel ? agentLine(vmId, channel) : undefined;
  }

  async #use<T>(vmId: string, what: string, use: (vm: VmProcess) => Promise<T>): Promise<T> {
    try {
      const vm = this.#vms.get(vmId);
      if (vm === undefined) throw new Error("it is not running");
      return await use(vm);
    } catch (error) {
      const message = `Cannot ${what} VM ${vmId}: ${messageOf(error)}`;
      throw new PlatformError("vm_lost", message, { cause: error });
    }
  }

  /** See `VmDriver.destroy`. */
  async destroy(vmId: string): Promise<void> {
    const vm = this.#vms.get(vmId);
    if (vm !== undefined) return vm.destroy();
    const folder = this.#folders.of(vmId);
    if (folder === undefined) return;
    const stray = await readJournal(folder.journal);
    if (stray !== undefined) await killJournaled(stray);
    await this.#cgroups.removeStray(vmId, folder.groups);
    await folder.remove();
  }

  /** See `VmDriver.list`. */
  list(): Promise<readonly string[]> {
    return this.#folders.list();
  }

  /** See `VmDriver.readConsole`. */
  async readConsole(vmId: string): Promise<string> {
    const folder = this.#folders.of(vmId);
    if (folder === undefined) return "";
    return printable(await readLogEnd(folder.consoleLog, consoleEndBytes));
  }
}
