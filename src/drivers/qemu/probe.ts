import { existsSync } from "node:fs";

import { messageOf } from "../../core/errors.ts";
import { findProgram } from "../../os/find-program.ts";
import type { VmProbe } from "../../ports/vm-driver.ts";
import { findCgroups } from "../shared/cgroup-host.ts";
import { hostBootId } from "../shared/process-journal.ts";
import { findUsers, kvmDevice, userOf, type VmUsers } from "../shared/kvm-users.ts";
import { type ProbeImage, TrialTimeoutError } from "../shared/trial.ts";
import type { VmUser } from "../shared/vm-user.ts";
import type { QemuMachine } from "./command-line.ts";
import { ProbeCache, stampOf } from "../shared/probe-cache.ts";
import { tryCounter, tryKernel } from "./trial.ts";

export interface QemuProbeOptions {
  readonly dataDir: string;
  /** A path, or a name to look up on PATH. */
  readonly qemuPath: string;
  /** `auto` takes KVM where a guest starts under it. */
  readonly accelerator: "auto" | "kvm" | "tcg";
  /** What KVM is tried with; null where there is no image yet. */
  readonly image: ProbeImage | null;
}

/** What the driver for QEMU finds on this host. */
export interface QemuHost {
  readonly probe: VmProbe;
  /** What guests are started with; undefined where QEMU is not usable. */
  readonly machine?: QemuMachine;
  /** Whom the VM at the address `slot` runs as; null is the manager's user. */
  readonly userFor: (slot: number) => VmUser | null;
  /** Whether another probe may find more: KVM cannot be tried before there is an image. */
  readonly preliminary: boolean;
}

const noImage = "it cannot be tried before an image is built";

/** Finds out what guests can be started with, by starting some. Never rejects. */
export async function probeQemu(options: QemuProbeOptions): Promise<QemuHost> {
  if (process.arch !== "x64") {
    const reason = `QEMU is driven on x64 hosts only, and this is ${process.arch}`;
    return unusable(reason, "Use an x64 host");
  }
  const path = findProgram(options.qemuPath);
  if (path === null) {
    return unusable(`${options.qemuPath} is not installed`, "apt-get install qemu-system-x86");
  }
  try {
    return await examine(path, options);
  } catch (error) {
    return unusable(
      `${path} cannot run a guest: ${messageOf(error)}`,
      "apt-get install --reinstall qemu-system-x86 util-linux",
    );
  }
}

async function examine(path: string, options: QemuProbeOptions): Promise<QemuHost> {
  const users = await findUsers(path);
  const cache = new ProbeCache(options.dataDir);
  const conditions = [await hostBootId(), await stampOf(path), users];
  const trial = await cache.get("qemu-tcg", conditions, () => tryCounter(path, userOf(users, 0)));
  const obstacle = await obstacleToKvm(options, async (image) => {
    const stamps = [await stampOf(image.kernel), await stampOf(image.initramfs)];
    const attempt = () => tryKernel(path, image, userOf(users, 0)).then(() => null, refusalOf);
    return cache.get("qemu-kvm", [...conditions, ...stamps], attempt).catch(messageOf);
  });
  if (options.accelerator === "kvm" && obstacle !== null) {
    return unusable(`KVM is asked for and cannot be used: ${obstacle}`, "Let it be chosen: auto");
  }
  const counterKhz = obstacle === null ? null : trial.counterKhz;
  return {
    probe: describe(trial.version, obstacle, users, (await findCgroups()).notes),
    machine: { path, accelerator: obstacle === null ? "kvm" : "tcg", counterKhz },
    userFor: (slot) => userOf(users, slot),
    preliminary: obstacle === noImage,
  };
}

/** KVM's own reason, to be kept; rejects where there was only no time, which is no reason to keep. */
function refusalOf(error: unknown): string {
  if (error instanceof TrialTimeoutError) throw error;
  return messageOf(error);
}

/** Why KVM is not used; null where a guest has started under it. */
async function obstacleToKvm(
  { accelerator, image }: QemuProbeOptions,
  attempt: (image: ProbeImage) => Promise<string | null>,
): Promise<string | null> {
  if (accelerator === "tcg") return "software emulation is asked for";
  if (!existsSync(kvmDevice)) return `this host has no ${kvmDevice}`;
  return image === null ? noImage : attempt(image);
}

function describe(
  version: string,
  obstacle: string | null,
  users: VmUsers,
  limits: readonly string[],
): VmProbe {
  const notes: string[] = [];
  if (obstacle !== null) {
    notes.push(`KVM is not used: ${obstacle}`);
    notes.push("QEMU promises no guest isolation under software emulation");
  }
  if (!users.separate) notes.push(`VMs share the manager's user: ${users.why}`);
  notes.push(...limits);
  const [accelerator, isolation] =
    obstacle === null ? ["kvm", "hardware" as const] : ["tcg", "emulated" as const];
  return { usable: true, version, accelerator, isolation, notes };
}

function unusable(reason: string, remedy: string): QemuHost {
  return { probe: { usable: false, reason, remedy }, userFor: () => null, preliminary: true };
}
