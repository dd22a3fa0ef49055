import { constants } from "node:fs";
import { chmod, open } from "node:fs/promises";
import { join } from "node:path";

import type { VmImage } from "../../core/runtime.ts";
import { type GuestAddress, guestPort, type VmSpec } from "../../core/vm.ts";
import type { RunningVm, VmCapability, VmDriver, VmProbe } from "../../ports/vm-driver.ts";
import { openAll } from "../shared/open-all.ts";
import type { VmLaunch } from "../shared/vm-launch.ts";
import { VmRunner, type VmRunnerOptions } from "../shared/vm-runner.ts";
import type { VmUser } from "../shared/vm-user.ts";
import { qemuCommandLine, qmpSocket } from "./command-line.ts";
import { probeQemu, type QemuHost } from "./probe.ts";
import type { ProbeImage } from "./trial.ts";

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
  readonly capabilities: ReadonlySet<VmCapability> = new Set(["console", "isolation"] as const);
  readonly #options: QemuDriverOptions;
  readonly #runner: VmRunner;
  #host: Promise<QemuHost> | undefined;

  constructor(options: QemuDriverOptions) {
    this.#options = options;
    this.#runner = new VmRunner(
      {
        stderr: "vmm",
        userFor: (spec, slot) => this.#userFor(spec, slot),
        launch: (spec, address) => this.#launch(spec, address),
        onReady: (runFolder) => restrictSocket(join(runFolder, qmpSocket)),
      },
      options,
    );
  }

  async probe(): Promise<VmProbe> {
    const { probeImage } = this.#options;
    return (await this.#examineHost((await probeImage?.()) ?? null)).probe;
  }

  boot(spec: VmSpec, signal: AbortSignal): Promise<RunningVm> {
    return this.#runner.boot(spec, signal);
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

  async #userFor(spec: VmSpec, slot: number): Promise<VmUser | null> {
    const { userFor } = await this.#examineHost(vmImage(spec));
    return userFor(slot);
  }

  async #launch(spec: VmSpec, address: GuestAddress): Promise<VmLaunch> {
    const image = vmImage(spec);
    const { machine, probe } = await this.#examineHost(image);
    if (machine === undefined) throw new Error(probe.usable ? "no machine" : probe.reason);
    const { name, vcpus, memoryMib } = spec;
    return {
      program: "QEMU",
      argv: qemuCommandLine(machine, { name, vcpus, memoryMib, guestPort, ...address }),
      env: { PATH: process.env["PATH"] ?? "" },
      files: await openAll([image.kernel, image.initramfs, image.rootfs]),
    };
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

function vmImage({ image }: VmSpec): VmImage {
  if (image.kind === "vm") return image;
  throw new Error(`QEMU starts no image of the kind "${image.kind}"`);
}

/** Linux's O_PATH, which Node does not name: a descriptor for what a path leads to, whatever it is. */
const openPath = 0o10000000;

/**
 * Lets nobody but its owner connect to a VM's control socket. The folder is the VM's own, so a
 * link put in the socket's place must not lead the manager elsewhere.
 */
async function restrictSocket(path: string): Promise<void> {
  const file = await open(path, openPath | constants.O_NOFOLLOW);
  try {
    if ((await file.stat()).isSocket()) await chmod(`/proc/self/fd/${file.fd}`, 0o600);
  } finally {
    await file.close();
  }
}
