import type { CgroupController } from "./cgroup-host.ts";

/** What the processes of one VM may take of the host together. */
export interface VmLimits {
  readonly memoryMib: number;
  /** Their weight against other VMs, one for each virtual processor. */
  readonly vcpus: number;
  /** How many processors they may keep busy. */
  readonly cpus: number;
  /** How many processes and threads they may be. */
  readonly pids: number;
}

/** One file of a group, and what is written to it. */
export interface CgroupSetting {
  readonly file: string;
  readonly value: string;
  /** Not every kernel has it, and the limit holds without. */
  readonly optional?: boolean;
}

const periodUs = 100_000;

/** The settings of a VM's own group, in the order in which the kernel takes them. */
export function settingsOf(
  version: 1 | 2,
  controller: CgroupController,
  limits: VmLimits,
): readonly CgroupSetting[] {
  const bytes = String(limits.memoryMib * 2 ** 20);
  const quotaUs = Math.ceil(limits.cpus * periodUs);
  switch (controller) {
    case "memory":
      // Swap would let a VM that has run away go on, at the cost of the disk and of its neighbours.
      return version === 1
        ? [
            { file: "memory.limit_in_bytes", value: bytes },
            { file: "memory.memsw.limit_in_bytes", value: bytes, optional: true },
          ]
        : [
            { file: "memory.max", value: bytes },
            { file: "memory.swap.max", value: "0", optional: true },
            { file: "memory.oom.group", value: "1", optional: true },
          ];
    case "cpu":
      return version === 1
        ? [
            { file: "cpu.shares", value: String(1024 * limits.vcpus) },
            { file: "cpu.cfs_period_us", value: String(periodUs) },
            { file: "cpu.cfs_quota_us", value: String(quotaUs) },
          ]
        : [
            { file: "cpu.weight", value: String(100 * limits.vcpus) },
            { file: "cpu.max", value: `${quotaUs} ${periodUs}` },
          ];
    case "pids":
      return [{ file: "pids.max", value: String(limits.pids) }];
  }
}

/**
 * The settings of the group that holds all VMs: together they weigh as much as two busy processes
 * on each of the host's processors, so that any number of them leaves the manager its turn.
 */
export function settingsOfAll(
  version: 1 | 2,
  controller: CgroupController,
  hostCpus: number,
): readonly CgroupSetting[] {
  if (controller !== "cpu") return [];
  return version === 1
    ? [{ file: "cpu.shares", value: String(Math.min(2048 * hostCpus, 262_144)) }]
    : [{ file: "cpu.weight", value: String(Math.min(200 * hostCpus, 10_000)) }];
}

/** What is given to a QEMU that runs a guest of this size; measured in docs/drivers.md. */
export function qemuLimits(
  guest: { readonly vcpus: number; readonly memoryMib: number },
  accelerator: "kvm" | "tcg",
): VmLimits {
  const { vcpus, memoryMib } = guest;
  // Software emulation has a buffer of 128 MiB for translated code. An eighth of the guest's memory
  // is for tables about it: QEMU's translation caches grow with what the guest touches.
  const overheadMib = (accelerator === "tcg" ? 256 : 128) + Math.ceil(memoryMib / 8);
  return {
    memoryMib: memoryMib + overheadMib,
    vcpus,
    // QEMU's main thread emulates disk, network and console beside the processors.
    cpus: vcpus + 0.5,
    // One thread for each processor, up to 64 for the disk, and a few of QEMU's own.
    pids: vcpus + 96,
  };
}

/** What is given to a Firecracker that runs a guest of this size. */
export function firecrackerLimits(guest: {
  readonly vcpus: number;
  readonly memoryMib: number;
  readonly template?: unknown;
}): VmLimits {
  const { vcpus, memoryMib, template } = guest;
  // A template writes its memory to a file, which counts until it is on a disk.
  const memories = template === undefined ? 1 : 2;
  return {
    // Its own memory is a few MiB; the rest is for tables of the guest's pages.
    memoryMib: memories * memoryMib + 64 + Math.ceil(memoryMib / 64),
    vcpus,
    // One thread emulates all devices.
    cpus: vcpus + 0.5,
    pids: vcpus + 16,
  };
}

/** What is given to a runtime server that is a plain process, and to whatever it starts. */
export function processLimits(spec: {
  readonly vcpus: number;
  readonly memoryMib: number;
}): VmLimits {
  return {
    // A guest's memory holds its kernel beside the interpreter, which is what this one saves.
    memoryMib: spec.memoryMib + 64,
    vcpus: spec.vcpus,
    // Node collects garbage and compiles in threads of its own.
    cpus: spec.vcpus + 0.5,
    // Python has a thread for each invocation, of which there may be 512 at once.
    pids: 1024,
  };
}
