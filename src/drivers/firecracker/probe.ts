import { existsSync } from "node:fs";

import { messageOf } from "../../core/errors.ts";
import { isBefore } from "../../lib/version-order.ts";
import { findProgram } from "../../os/find-program.ts";
import type { NetworkFacts } from "../../ports/network.ts";
import type { VmProbe } from "../../ports/vm-driver.ts";
import { findCgroups } from "../shared/cgroup-host.ts";
import { findUsers, kvmDevice, userOf, type VmUsers } from "../shared/kvm-users.ts";
import { ProbeCache, stampOf } from "../shared/probe-cache.ts";
import { hostBootId } from "../shared/process-journal.ts";
import { type ProbeImage, TrialTimeoutError } from "../shared/trial.ts";
import { type VmUser, vmUser } from "../shared/vm-user.ts";
import { isJailable, jailerOf } from "./jail.ts";
import { tryGuest, tryJailedGuest } from "./trial.ts";
import { faultsOf, formatVersion, oldest, readVersion } from "./version.ts";

export interface FirecrackerProbeOptions {
  readonly dataDir: string;
  /** A path, or a name to look up on PATH. */
  readonly program: string;
  /** The jailer, a path or a name; undefined is the one that is found, null is none. */
  readonly jailer: string | null | undefined;
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
  /** Absolute path of the jailer; null where VMs are not jailed. */
  readonly jailer: string | null;
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
  options: FirecrackerProbeOptions,
): Promise<FirecrackerHost> {
  const version = await readVersion(program);
  if (isBefore(version, oldest)) {
    return unusable(
      `Firecracker ${formatVersion(version)} is too old, want ${formatVersion(oldest)} or newer`,
      "Install Firecracker 1.16.1 or newer",
    );
  }
  const users = await findUsers(program);
  const jailing = await findJailer(program, image, users, options);
  if (jailing.jailer === null) {
    if (jailing.required) {
      const remedy = "Use --no-jailer, or the driver qemu";
      return refused(`VMs cannot be jailed: ${jailing.why}`, remedy);
    }
    const refusal = await whyNoGuest(program, image, users, options);
    if (refusal !== null) return refused(`no guest runs under KVM: ${refusal}`);
  }
  const notes = faultsOf(version);
  if (!users.separate) notes.push(`VMs share the manager's user: ${users.why}`);
  else if (jailing.jailer === null) notes.push(`VMs are not jailed: ${jailing.why}`);
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
    jailer: jailing.jailer,
    // A jail has a device of its own for KVM: its user needs no group for that.
    userFor: (slot) => (jailing.jailer === null ? userOf(users, slot) : vmUser(slot)),
    preliminary: false,
  };
}

/** Null where a guest starts outside of a jail. */
function whyNoGuest(
  program: string,
  image: ProbeImage,
  users: VmUsers,
  { dataDir, trialLimitMs: limitMs }: FirecrackerProbeOptions,
): Promise<string | null> {
  const files = [program, image.kernel, image.initramfs];
  return refusalOf({ dataDir, question: "firecracker", files, also: users }, () =>
    tryGuest({ program, image, limitMs }, userOf(users, 0)),
  );
}

/** Where a VM's Firecracker is jailed. */
type Jailing =
  | { readonly jailer: string }
  /** `required` where there is a jailer, or one was named: nobody is to lose a jail unawares. */
  | { readonly jailer: null; readonly why: string; readonly required: boolean };

/** The jailer, once a guest has started in a jail. */
async function findJailer(
  program: string,
  image: ProbeImage,
  users: VmUsers,
  { dataDir, jailer: named, trialLimitMs: limitMs }: FirecrackerProbeOptions,
): Promise<Jailing> {
  const isNamed = typeof named === "string";
  const no = (why: string, required = isNamed) => ({ jailer: null, why, required });
  if (named === null) return no("that is switched off");
  if (!users.separate) return no(users.why);
  const jailer = isNamed ? findProgram(named) : await jailerOf(program);
  if (jailer === null) return no(`${named ?? "Firecracker's jailer"} is not installed`);
  if (!(await isJailable(program))) return no(`"firecracker" is not in the name of ${program}`);
  const files = [program, jailer, image.kernel, image.initramfs];
  const trial = { program, jailer, image, dataDir, limitMs, user: vmUser(0) };
  const refusal = await refusalOf({ dataDir, question: "firecracker-jail", files }, () =>
    tryJailedGuest(trial),
  );
  return refusal === null ? { jailer } : no(`no guest starts in one: ${refusal}`, true);
}

/** Under what the outcome of a trial is kept. */
interface KeptTrial {
  readonly dataDir: string;
  readonly question: string;
  /** It is tried again when one of them changes, */
  readonly files: readonly string[];
  /** or when this does. */
  readonly also?: unknown;
}

/** Why a trial failed, or null. It is kept, unless there was only no time. */
async function refusalOf(
  { dataDir, question, files, also }: KeptTrial,
  trial: () => Promise<void>,
): Promise<string | null> {
  const stamps = await Promise.all(files.map(stampOf));
  const ask = async () => {
    try {
      await trial();
      return null;
    } catch (error) {
      if (error instanceof TrialTimeoutError) throw error;
      return messageOf(error);
    }
  };
  return new ProbeCache(dataDir)
    .get(question, [await hostBootId(), ...stamps, also], ask)
    .catch(messageOf);
}

function unusable(reason: string, remedy: string): FirecrackerHost {
  const probe = { usable: false, reason, remedy } as const;
  return { probe, program: null, jailer: null, userFor: () => null, preliminary: true };
}

/** A guest was tried: another try takes as long, and finds the same. */
function refused(reason: string, remedy = "Use the driver qemu"): FirecrackerHost {
  return { ...unusable(reason, remedy), preliminary: false };
}
