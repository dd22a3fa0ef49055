import { existsSync } from "node:fs";

import { messageOf } from "../../core/errors.ts";
import { findProgram } from "../../os/find-program.ts";
import type { NetworkFacts } from "../../ports/network.ts";
import type { VmProbe } from "../../ports/vm-driver.ts";
import { findCgroups } from "../shared/cgroup-host.ts";
import { findUsers, kvmDevice, userOf } from "../shared/kvm-users.ts";
import { openAll } from "../shared/open-all.ts";
import { ProbeCache, stampOf } from "../shared/probe-cache.ts";
import { hostBootId } from "../shared/process-journal.ts";
import { kernelStarted, type ProbeImage, TrialTimeoutError, tryOut } from "../shared/trial.ts";
import type { VmUser } from "../shared/vm-user.ts";
import { probeConfig, vmFiles } from "./machine.ts";
import { faultsOf, formatVersion, isBefore, oldest, readVersion } from "./version.ts";

export interface FirecrackerProbeOptions {
  readonly dataDir: string;
  /** A path, or a name to look up on PATH. */
  readonly program: string;
  /** What KVM is tried with; null where there is no image yet. */
  readonly image: ProbeImage | null;
  /** How long the guest that KVM is tried with may take. */
  readonly trialLimitMs: number;
  readonly network: NetworkFacts;
}

/** What the driver for Firecracker finds on this host. */
export interface FirecrackerHost {
  readonly probe: VmProbe;
  /** Absolute path of the program; null where it is not usable. */
  readonly program: string | null;
  /** Whom the VM at the address `slot` runs as; null is the manager's user. */
  readonly userFor: (slot: number) => VmUser | null;
  /** Whether another probe may find more: no guest has been tried yet. */
  readonly preliminary: boolean;
}

/** Finds out whether guests can be started, by starting one. Never rejects. */
export async function probeFirecracker(options: FirecrackerProbeOptions): Promise<FirecrackerHost> {
  const program = findProgram(options.program);
  const { network, image } = options;
  if (process.arch !== "x64") {
    const reason = `Firecracker is driven on x64 hosts only, and this is ${process.arch}`;
    return unusable(reason, "Use an x64 host");
  }
  if (program === null) {
    return unusable(`${options.program} is not installed`, "Install Firecracker 1.16.1 or newer");
  }
  if (!existsSync(kvmDevice)) return unusable(`this host has no ${kvmDevice}`, "Enable KVM");
  if (network.kind !== "namespace") {
    const why = network.notes[0] ?? "VMs have no network namespaces here";
    return unusable(`Firecracker needs a network namespace for each VM: ${why}`, "Run as root");
  }
  if (image === null) {
    return unusable("it cannot be tried before an image is built", "Run: firelet images build");
  }
  try {
    return await examine(program, image, options);
  } catch (error) {
    return refused(`${program} cannot run a guest: ${messageOf(error)}`);
  }
}

async function examine(
  program: string,
  image: ProbeImage,
  { dataDir, trialLimitMs }: FirecrackerProbeOptions,
): Promise<FirecrackerHost> {
  const version = await readVersion(program);
  if (isBefore(version, oldest)) {
    return unusable(
      `Firecracker ${formatVersion(version)} is too old, want ${formatVersion(oldest)} or newer`,
      "Install Firecracker 1.16.1 or newer",
    );
  }
  const users = await findUsers(program);
  const stamps = await Promise.all([program, image.kernel, image.initramfs].map(stampOf));
  const conditions = [await hostBootId(), ...stamps, users];
  const refusal = await new ProbeCache(dataDir)
    .get("firecracker", conditions, () =>
      tryGuest(program, { image, user: userOf(users, 0), limitMs: trialLimitMs }),
    )
    .catch(messageOf);
  if (refusal !== null) return refused(`no guest runs under KVM: ${refusal}`);
  const notes = faultsOf(version);
  if (!users.separate) notes.push(`VMs share the manager's user: ${users.why}`);
  notes.push(...(await findCgroups()).notes);
  return {
    probe: {
      usable: true,
      version: `Firecracker ${formatVersion(version)}`,
      accelerator: "kvm",
      isolation: "hardware",
      notes,
    },
    program,
    userFor: (slot) => userOf(users, slot),
    preliminary: false,
  };
}

interface GuestTrial {
  readonly image: ProbeImage;
  readonly user: VmUser | null;
  readonly limitMs: number;
}

const configFile = "config.json";

/** Resolves to why no guest starts, to be kept; rejects where there was only no time. */
async function tryGuest(program: string, trial: GuestTrial): Promise<string | null> {
  const { image, user, limitMs } = trial;
  const files = await openAll([image.kernel, image.initramfs]);
  const config = probeConfig()
    .replace(`"${vmFiles.kernel}"`, '"/proc/self/fd/3"')
    .replace(`"${vmFiles.initramfs}"`, '"/proc/self/fd/4"');
  const argv = [program, "--no-api", "--config-file", configFile, "--level", "Error"] as const;
  const contents = { [configFile]: config };
  try {
    await tryOut({ argv: [...argv], user, limitMs, files, contents }, kernelStarted);
    return null;
  } catch (error) {
    if (error instanceof TrialTimeoutError) throw error;
    return messageOf(error);
  }
}

function unusable(reason: string, remedy: string): FirecrackerHost {
  const probe = { usable: false, reason, remedy } as const;
  return { probe, program: null, userFor: () => null, preliminary: true };
}

/** A guest was tried: another try takes as long, and finds the same. */
function refused(reason: string): FirecrackerHost {
  return { ...unusable(reason, "Use the driver qemu"), preliminary: false };
}
