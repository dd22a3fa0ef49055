import type { VmSpec } from "../../core/vm.ts";
import type {
  AgentLine,
  RunningVm,
  VmCapability,
  VmDriver,
  VmmUse,
  VmProbe,
} from "../../ports/vm-driver.ts";
import { qemuLimits } from "../shared/cgroup-limits.ts";
import { bootEntry } from "../shared/vm-launch.ts";
import { VmRunner, type VmRunnerOptions } from "../shared/vm-runner.ts";
import type { VmUser } from "../shared/vm-user.ts";
import type { QemuMachine } from "./command-line.ts";
import { QemuControls } from "./controls.ts";
import { vmImage } from "../shared/vm-image.ts";
import { qemuLaunch, qemuNetwork } from "./launch.ts";
import { probeQemu, type QemuHost } from "./probe.ts";
import { QemuSnapshots } from "./snapshots.ts";
import type { ProbeImage } from "../shared/trial.ts";

export interface QemuDriverOptions extends VmRunnerOptions {
  /** A path, or a name to look up on PATH; `qemu-system-x86_64` unless told. */
  readonly qemuPath?: string;
  /** `auto`, unless told, takes KVM where a guest starts under it. */
  readonly accelerator?: "auto" | "kvm" | "tcg";
  /** A kernel and initramfs that are installed, to try KVM with; null where there are none yet. */
  readonly probeImage?: () => Promise<ProbeImage | null>;
}

/** Runs each VM in a QEMU of its own: under KVM where that works, in software elsewhere. */
export class QemuDriver implements VmDriver {
  readonly kind = "qemu";
  readonly capabilities: ReadonlySet<VmCapability> = new Set([
    "agent",
    "console",
    "isolation",
    "metrics",
    "snapshot",
  ] as const);
  readonly snapshots: QemuSnapshots;
  readonly #options: QemuDriverOptions;
  readonly #runner: VmRunner;
  readonly #controls = new QemuControls();
  #host: Promise<QemuHost> | undefined;

  constructor(options: QemuDriverOptions) {
    this.#options = options;
    this.#runner = new VmRunner(
      {
        stderr: "vmm",
        userFor: (spec, slot) => this.#userFor(spec, slot),
        limitsFor: async (spec) =>
          qemuLimits(spec, (await this.#machineFor(spec)).machine.accelerator),
      },
      options,
    );
    this.snapshots = new QemuSnapshots({
      runner: this.#runner,
      controls: this.#controls,
      host: (spec) => this.#machineFor(spec),
      network: options.network.facts.kind,
    });
  }

  async probe(): Promise<VmProbe> {
    const { probeImage } = this.#options;
    return (await this.#examineHost((await probeImage?.()) ?? null)).probe;
  }

  boot(spec: VmSpec, signal: AbortSignal): Promise<RunningVm> {
    return this.#runner.start(spec, this.#bootEntry, signal);
  }

  destroy(vmId: string): Promise<void> {
    return this.#runner.destroy(vmId);
  }

  list(): Promise<readonly string[]> {
    return this.#runner.list();
  }

  readConsole(vmId: string): Promise<string> {
    return this.#runner.readConsole(vmId);
  }

  async measure(vmId: string): Promise<VmmUse> {
    const [use, disk] = await Promise.all([
      this.#runner.measure(vmId),
      this.#controls.diskUse(vmId),
    ]);
    return { ...use, disk };
  }

  agentLine(vmId: string): AgentLine | undefined {
    return this.#runner.agentLine(vmId);
  }

  async #userFor(spec: VmSpec, slot: number): Promise<VmUser | null> {
    const { userFor } = await this.#examineHost(vmImage(spec));
    return userFor(slot);
  }

  readonly #bootEntry = bootEntry(
    async (spec, { address }) => {
      const { machine } = await this.#machineFor(spec);
      const network = qemuNetwork(this.#options.network.facts.kind, address);
      return qemuLaunch({ machine, spec, network });
    },
    {
      onReady: async (spec, started, until) => {
        await this.snapshots.hold(spec, started, until);
      },
    },
  );

  async #machineFor(spec: VmSpec): Promise<{ machine: QemuMachine; version: string }> {
    const { machine, probe } = await this.#examineHost(vmImage(spec));
    if (machine !== undefined && probe.usable) return { machine, version: probe.version };
    throw new Error(probe.usable ? "no machine" : probe.reason);
  }

  /** Probes once; again while QEMU is not usable, or KVM has not been tried for want of an image. */
  async #examineHost(image: ProbeImage | null): Promise<QemuHost> {
    const known = await this.#host;
    if (known !== undefined && !(known.preliminary && image !== null)) return known;
    const { dataDir, qemuPath = "qemu-system-x86_64", accelerator = "auto" } = this.#options;
    this.#host = probeQemu({ dataDir, qemuPath, accelerator, image });
    return this.#host;
  }
}
