import type { PlatformError } from "../core/errors.ts";
import type { FunctionRecord } from "../core/function.ts";
import { Fleet, type FleetLimits } from "./fleet.ts";
import type { FleetVm } from "./fleet-vm.ts";
import type { VmPoolDeps } from "./vm-pool.ts";

/** How often fleets look after idle and missing VMs. */
const tendEveryMs = 1_000;

export interface FleetsLimits extends FleetLimits {
  /** VMs that stand by for functions that sleep, in all. */
  readonly standbyVms: number;
}

/** The fleets of all functions on this host. */
export class Fleets {
  readonly #deps: VmPoolDeps;
  readonly #limits: FleetsLimits;
  readonly #byFunction = new Map<string, Fleet>();
  readonly #tending: { cancel(): void };
  #closedBy: PlatformError | null = null;

  constructor(limits: FleetsLimits, deps: VmPoolDeps) {
    this.#limits = limits;
    this.#deps = deps;
    deps.budget.onFull = () => this.#spareOne();
    this.#tending = deps.clock.every(tendEveryMs, () => {
      for (const fleet of this.#byFunction.values()) fleet.tend();
      if (deps.budget.isAwaited) this.#spareOne();
      else this.#tendStandby();
    });
  }

  /** Lets a VM go that nobody uses now: one that stands by, or the one that was idle for longest. */
  #spareOne(): void {
    const fleets = [...this.#byFunction.values()];
    const standing = fleets.find((fleet) => fleet.hasStandby);
    if (standing !== undefined) return void standing.dropStandby();
    const spare = fleets.flatMap(({ spareVm }) => spareVm ?? []);
    const [longest] = spare.toSorted((a, b) => a.lastUsedMs - b.lastUsedMs);
    if (longest !== undefined) this.stopVm(longest.spec.id);
  }

  /**
   * Keeps a restored VM for each of the functions that were at work last and sleep now. One at a
   * time, and only while nothing that somebody waits for is being started.
   */
  #tendStandby(): void {
    const { snapshots, starts } = this.#deps;
    if (snapshots === null) return;
    const fleets = [...this.#byFunction.values()];
    const last = fleets
      .filter((fleet) => fleet.sleeps && fleet.lastActiveMs > -Infinity)
      .toSorted((a, b) => b.lastActiveMs - a.lastActiveMs)
      .slice(0, this.#limits.standbyVms);
    const chosen = new Set(last);
    for (const fleet of fleets) if (!chosen.has(fleet)) void fleet.dropStandby();
    if (!starts.isIdle || fleets.some((fleet) => fleet.waiting > 0)) return;
    void last.find((fleet) => !fleet.hasStandby)?.holdStandby();
  }

  /** The fleet of a function, made at first need; throws `shutting_down` at the end. */
  of(record: FunctionRecord): Fleet {
    if (this.#closedBy !== null) throw this.#closedBy;
    let fleet = this.#byFunction.get(record.id);
    if (fleet === undefined) {
      fleet = new Fleet(record, this.#limits, this.#deps);
      this.#byFunction.set(record.id, fleet);
    }
    return fleet;
  }

  /** Tells a function's fleet of its changed record; one that keeps VMs running has a fleet. */
  configure(record: FunctionRecord): void {
    if (record.state === "ready" && record.minVms > 0) this.of(record);
    this.#byFunction.get(record.id)?.configure(record);
  }

  /** Resolves when all VMs of a function keep to its new policy. */
  async setEgress({ id, egress }: FunctionRecord): Promise<void> {
    await this.#byFunction.get(id)?.setEgress(egress);
  }

  /** VMs of one function, those that start or stop included. */
  vmsOf(functionId: string): readonly FleetVm[] {
    return this.#byFunction.get(functionId)?.vms ?? [];
  }

  /** VMs of all functions, those that start or stop included. */
  get vms(): readonly FleetVm[] {
    return [...this.#byFunction.values()].flatMap((fleet) => fleet.vms);
  }

  /** Invocations that wait for a VM, by the name of their function. */
  get waiting(): ReadonlyMap<string, number> {
    const fleets = [...this.#byFunction.values()];
    return new Map(fleets.map((fleet) => [fleet.functionName, fleet.waiting]));
  }

  /** How many of one function may wait. */
  get queueLimit(): number {
    return this.#limits.queueLength;
  }

  /** Stops one VM; its function replaces it when it needs one. Whether there is such a VM. */
  stopVm(vmId: string, when: "drained" | "now" = "drained"): boolean {
    return [...this.#byFunction.values()].some((fleet) => fleet.stop(vmId, when));
  }

  /** Lets a function's invocations finish within the drain time and ends its VMs. Repeatable. */
  async close(functionId: string, reason: PlatformError): Promise<void> {
    const fleet = this.#byFunction.get(functionId);
    await fleet?.close(reason);
    this.#byFunction.delete(functionId);
  }

  /** The same for all functions, at the end of the manager's life. */
  async closeAll(reason: PlatformError): Promise<void> {
    this.#closedBy = reason;
    this.#tending.cancel();
    await Promise.all([...this.#byFunction.keys()].map((id) => this.close(id, reason)));
  }
}
