import type { GuestUse } from "../ports/guest-agent.ts";
import type { VmmUse } from "../ports/vm-driver.ts";

/** What a VM used at one moment, and how busy it was since the moment before. */
export interface VmFigures {
  readonly at: Date;
  /** As its guest says; null where that has no agent, was not asked, or did not answer in time. */
  readonly guest: GuestFigures | null;
  /** As the host counts it. */
  readonly vmm: VmmFigures;
}

export interface GuestFigures extends Omit<GuestUse, "cpu"> {
  /** Of all its processors: 0 to 100. */
  readonly cpuPercent: number;
}

export interface VmmFigures extends Omit<VmmUse, "cpuMs"> {
  /** Of as many of the host's processors as the VM has; the VMM's own work is in it, so over 100 at times. */
  readonly cpuPercent: number;
}

/** What was counted at one moment. */
export interface VmSample {
  readonly at: Date;
  readonly monotonicMs: number;
  readonly guest: GuestUse | null;
  readonly vmm: VmmUse;
}

/** The figures of `sample`, by what passed since `before`. */
export function figuresOf(before: VmSample, sample: VmSample, vcpus: number): VmFigures {
  const { cpuMs, ...vmm } = sample.vmm;
  const passedMs = (sample.monotonicMs - before.monotonicMs) * vcpus;
  return {
    at: sample.at,
    guest: guestFigures(before.guest, sample.guest),
    vmm: { ...vmm, cpuPercent: percent(cpuMs - before.vmm.cpuMs, passedMs) },
  };
}

function guestFigures(before: GuestUse | null, now: GuestUse | null): GuestFigures | null {
  if (before === null || now === null) return null;
  const { cpu, ...rest } = now;
  const busyMs = cpu.busyMs - before.cpu.busyMs;
  return { ...rest, cpuPercent: Math.min(100, percent(busyMs, cpu.totalMs - before.cpu.totalMs)) };
}

/** To a tenth; 0 where nothing passed, and for a guest that counts backwards. */
function percent(part: number, whole: number): number {
  return whole <= 0 ? 0 : Math.max(0, Math.round((1000 * part) / whole) / 10);
}
