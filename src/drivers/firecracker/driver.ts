import type { VmSpec } from "../../core/vm.ts";
import type {
  AgentLine,
  RunningVm,
  VmCapability,
  VmDriver,
  VmmUse,
  VmProbe,
} from "../../ports/vm-driver.ts";
import { firecrackerLimits } from "../shared/cgroup-limits.ts";
import type { ProbeImage } from "../shared/trial.ts";
import { bootEntry } from "../shared/vm-launch.ts";
import { VmRunner, type VmRunnerOptions } from "../shared/vm-runner.ts";
import { FirecrackerControls } from "./controls.ts";
import { vmImage } from "../shared/vm-image.ts";
import { firecrackerLaunch, type FirecrackerPrograms } from "./launch.ts";
import { bootCalls } from "./machine.ts";
import { type FirecrackerHost, probeFirecracker } from "./probe.ts";
import { FirecrackerSnapshots } from "./snapshots.ts";

export interface FirecrackerDriverOptions extends VmRunnerOptions {
  /** A path, or a name to look up on PATH; `firecracker` unless told. */
  readonly program?: string;
  /** The jailer, a path or a name; the one beside the program or on PATH unless told, none with null. */
  readonly jailer?: string | null;
  /** How long the guest that KVM is tried with may take; 10 s unless told. */
  readonly trialLimitMs?: number;
  /** A kernel and initramfs that are installed, to try KVM with; null where there are none yet. */
  readonly probeImage?: () => Promise<ProbeImage | null>;
}

/** Runs each VM in a Firecracker of its own, under KVM. */
export class FirecrackerDriver implements VmDriver {
  readonly kind = "firecracker";
  readonly capabilities: ReadonlySet<VmCapability> = new Set([
    "agent",
    "console",
    "isolation",
    "metrics",
    "snapshot",
  ] as const);
  readonly snapshots: FirecrackerSnapshots;
  readonly #options: FirecrackerDriverOptions;
  readonly #runner: VmRunner;
  readonly #controls = new FirecrackerControls();
  #host: Promise<FirecrackerHost> | undefined;

  constructor(options: FirecrackerDriverOptions) {
    this.#options = options;
    this.#runner = new VmRunner(
      {
        stderr: "vmm",
        userFor: async (spec, slot) => (await this.#examineHost(vmImage(spec))).userFor(slot),
        limitsFor: (spec) => Promise.resolve(firecrackerLimits(spec)),
      },
      options,
    );
    this.snapshots = new FirecrackerSnapshots({
      runner: this.#runner,
      controls: this.#controls,
      host: (spec) => this.#hostFor(spec),
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
    return this.#controls.agentOf(vmId);
  }

  readonly #bootEntry = bootEntry(
    async (spec, place) => firecrackerLaunch({ host: await this.#hostFor(spec), spec, place }),
    {
      onStart: async (spec, started, until) => {
        const calls = bootCalls(spec, started.tap ?? "");
        await this.#controls.make(spec.id, started, calls, until);
        this.snapshots.expect(spec, started);
      },
    },
  );

  async #hostFor(spec: VmSpec): Promise<FirecrackerPrograms & { version: string }> {
    const { program, jailer, probe } = await this.#examineHost(vmImage(spec));
    if (program !== null && probe.usable) return { program, jailer, version: probe.version };
    throw new Error(probe.usable ? "no program" : probe.reason);
  }

  /** Probes once; again while no guest has been tried. */
  async #examineHost(image: ProbeImage | null): Promise<FirecrackerHost> {
    const known = await this.#host;
    if (known !== undefined && !known.preliminary) return known;
    const { dataDir, program = "firecracker", jailer, trialLimitMs = 10_000 } = this.#options;
    const { facts: network } = this.#options.network;
    this.#host = probeFirecracker({ dataDir, program, jailer, image, trialLimitMs, network });
    return this.#host;
  }
}
