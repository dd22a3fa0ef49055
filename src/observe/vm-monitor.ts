import type { FleetVm } from "../fleet/fleet-vm.ts";
import type { Clock } from "../ports/clock.ts";
import type { GuestUse } from "../ports/guest-agent.ts";
import type { VmDriver } from "../ports/vm-driver.ts";
import type { GuestAgents } from "./guest-agents.ts";
import { figuresOf, type VmFigures, type VmSample } from "./vm-figures.ts";

export interface VmMonitorDeps {
  readonly clock: Clock;
  readonly driver: VmDriver;
  readonly agents: GuestAgents;
  /** All VMs that there are now. */
  readonly vms: () => readonly FleetVm[];
}

/** Somebody who looks at one VM. */
export interface VmViewer {
  /** Called once a second with what all its viewers get. */
  onFigures(figures: VmFigures): void;
  /** Called once, when there will be no more, with the reason. */
  onEnd(reason: string): void;
}

/** How often a VM is measured that somebody looks at. */
const watchedMs = 1_000;

/** How often the others are, from outside alone: their guests notice nothing. */
const unwatchedMs = 10_000;

/** How long a guest may take to answer; what it says later is not waited for. */
const guestLimitMs = 800;

/** How far back figures go. */
const historyMs = 15 * 60_000;

interface Watch {
  readonly vm: FleetVm;
  readonly viewers: Set<VmViewer>;
  readonly history: VmFigures[];
  last: VmSample | null;
  /** Whether its end is waited for, which a VM has once it runs. */
  followed: boolean;
}

/** Measures all VMs: one sample a second for all viewers of a VM together, and now and then without. */
export class VmMonitor {
  readonly #deps: VmMonitorDeps;
  readonly #watches = new Map<string, Watch>();
  #timer: { cancel(): void } | undefined;
  #measuring = false;
  #closed: string | undefined;

  constructor(deps: VmMonitorDeps) {
    this.#deps = deps;
  }

  /** Begins to keep a history of each VM. */
  start(): void {
    this.#schedule(0);
  }

  /** From now on `viewer` gets figures, until it calls what is returned, or the VM goes. */
  watch(vm: FleetVm, viewer: VmViewer): () => void {
    if (this.#closed !== undefined) {
      viewer.onEnd(this.#closed);
      return () => undefined;
    }
    const watch = this.#watchOf(vm);
    const first = !this.#anyViewers();
    watch.viewers.add(viewer);
    // What is behind in time by ten seconds says nothing of the first second.
    if (watch.viewers.size === 1) watch.last = null;
    if (first && !this.#measuring) this.#schedule(0);
    return () => void watch.viewers.delete(viewer);
  }

  /** The newest figures of a VM; undefined where there are none yet. */
  latest(vmId: string): VmFigures | undefined {
    return this.#watches.get(vmId)?.history.at(-1);
  }

  /** The figures of the last 15 minutes, the oldest first: every second of those that somebody saw. */
  history(vmId: string): readonly VmFigures[] {
    return this.#watches.get(vmId)?.history ?? [];
  }

  /** Measures nothing more, and tells all viewers why. */
  close(reason: string): void {
    this.#closed = reason;
    this.#timer?.cancel();
    for (const vmId of this.#watches.keys()) this.#end(vmId, reason);
  }

  #schedule(delayMs: number): void {
    this.#timer?.cancel();
    if (this.#closed !== undefined) return;
    this.#timer = this.#deps.clock.after(delayMs, () => void this.#measureDue());
  }

  async #measureDue(): Promise<void> {
    const { clock, vms } = this.#deps;
    const startMs = clock.monotonicMs();
    this.#measuring = true;
    const present = new Set(vms());
    for (const [vmId, { vm }] of this.#watches) {
      if (!present.has(vm)) this.#end(vmId, goneReason(vm));
    }
    const due = [...present]
      .map((vm) => this.#watchOf(vm))
      .filter((watch) => isDue(watch, startMs));
    await Promise.all(due.map((watch) => this.#measure(watch)));
    this.#measuring = false;
    this.#schedule(Math.max(0, startMs + watchedMs - clock.monotonicMs()));
  }

  async #measure(watch: Watch): Promise<void> {
    const { vm, viewers, history } = watch;
    if (vm.running && !watch.followed) {
      watch.followed = true;
      void vm.exited.then(() => this.#end(vm.spec.id, goneReason(vm)));
    }
    const sample = await this.#sample(vm, viewers.size > 0);
    if (sample === null || this.#watches.get(vm.spec.id) !== watch) return;
    const before = watch.last;
    watch.last = sample;
    if (before === null) return;
    const figures = figuresOf(before, sample, vm.spec.vcpus);
    history.push(figures);
    const oldest = figures.at.getTime() - historyMs;
    history.splice(
      0,
      history.findIndex(({ at }) => at.getTime() >= oldest),
    );
    for (const viewer of viewers) viewer.onFigures(figures);
  }

  /** Null for a VM that does not run yet, or has gone meanwhile. */
  async #sample(vm: FleetVm, withGuest: boolean): Promise<VmSample | null> {
    const { clock, driver } = this.#deps;
    try {
      const [guest, vmm] = await Promise.all([
        withGuest ? this.#askGuest(vm) : null,
        vm.running && driver.measure?.(vm.spec.id),
      ]);
      if (vmm === undefined) return null;
      return { at: clock.now(), monotonicMs: clock.monotonicMs(), guest, vmm };
    } catch {
      return null;
    }
  }

  async #askGuest(vm: FleetVm): Promise<GuestUse | null> {
    try {
      const limit = AbortSignal.timeout(guestLimitMs);
      return (await this.#deps.agents.of(vm)?.measure(limit)) ?? null;
    } catch {
      // It may be busy, or may not want to; what the host counts says the rest.
      return null;
    }
  }

  #watchOf(vm: FleetVm): Watch {
    const known = this.#watches.get(vm.spec.id);
    if (known !== undefined) return known;
    const watch: Watch = { vm, viewers: new Set(), history: [], last: null, followed: false };
    this.#watches.set(vm.spec.id, watch);
    return watch;
  }

  #end(vmId: string, reason: string): void {
    const watch = this.#watches.get(vmId);
    this.#watches.delete(vmId);
    for (const viewer of watch?.viewers ?? []) viewer.onEnd(reason);
  }

  #anyViewers(): boolean {
    return [...this.#watches.values()].some(({ viewers }) => viewers.size > 0);
  }
}

/** A VM that has just come up has its first figures soon, whether somebody looks or not. */
function isDue({ viewers, history, last }: Watch, nowMs: number): boolean {
  if (viewers.size > 0 || history.length === 0 || last === null) return true;
  // A timer may be early by a little.
  return nowMs - last.monotonicMs >= unwatchedMs - watchedMs / 2;
}

function goneReason({ spec }: FleetVm): string {
  return `VM "${spec.name}" has gone`;
}
