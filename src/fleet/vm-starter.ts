import { messageOf, PlatformError } from "../core/errors.ts";
import type { FunctionRecord, FunctionRevision } from "../core/function.ts";
import type { Semaphore } from "../lib/semaphore.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { StoredSnapshot } from "../ports/snapshot-store.ts";
import type { Span, Telemetry } from "../ports/telemetry.ts";
import { VmStoppedError, type FleetVm } from "./fleet-vm.ts";
import type { HostBudget } from "./host-budget.ts";
import { bundleOf } from "./load-code.ts";
import type { Snapshots } from "./snapshots.ts";
import { WrongClockError } from "./wake-clone.ts";

/** Whose VMs these are. */
export type VmOwner = Pick<FunctionRecord, "id" | "name" | "runtime" | "egress">;

export interface StartOptions {
  readonly signal: AbortSignal;
  /** Called when a VM has booted and the code goes in; not where it is in there already. */
  readonly onBooted?: (() => void) | undefined;
  /** What it is started for. */
  readonly span?: Span | undefined;
}

/** What a VM is started for. */
export interface StartOrder extends StartOptions {
  readonly owner: VmOwner;
  readonly revision: FunctionRevision;
}

export interface VmStarterDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly telemetry: Telemetry;
  /** Host-wide: how many VMs may be starting at once. */
  readonly starts: Semaphore;
  readonly budget: HostBudget;
  /** Null where VMs boot, because the driver has no snapshots or the operator wants none. */
  readonly snapshots: Snapshots | null;
}

/** Beyond it a wake waits for code of the function's, and not for this host. */
const longWakeMs = 2_000;

/** A way for a VM to come up: out of its revision's snapshot, or from nothing, and the code goes in. */
export type StartWay = "clone" | "boot";

/** A clone did not come up; where that may be its snapshot's fault, that is out of use now. */
class CloneFailedError extends Error {
  override readonly name = "CloneFailedError";
}

/** Brings VMs up, in the quickest way that works. */
export class VmStarter {
  readonly #deps: VmStarterDeps;

  constructor(deps: VmStarterDeps) {
    this.#deps = deps;
  }

  get firstWay(): StartWay {
    return this.#deps.snapshots === null ? "boot" : "clone";
  }

  /** Brings a VM up to stand by. Rejects where it does not come up; it must be destroyed then. */
  async bringUp(vm: FleetVm, order: StartOrder, way: StartWay): Promise<void> {
    const { snapshots } = this.#deps;
    if (way === "boot" || snapshots === null) return this.#boot(vm, order);
    const { owner, revision, signal } = order;
    const snapshot = await snapshots.ofRevision(owner, revision, order);
    try {
      await this.#clone(vm, snapshot, order);
    } catch (error) {
      if (signal.aborted || !mayBeSnapshots(error)) throw error;
      if (!(error instanceof WrongClockError)) {
        await snapshots.discard(snapshot, `its clone did not come up: ${messageOf(error)}`);
      }
      throw new CloneFailedError(messageOf(error), { cause: error });
    }
  }

  /**
   * How to go on after a failed start: with a clone, of a new snapshot, once, and by booting where
   * no clone comes up. Null where another VM would fare no better.
   */
  nextWay(way: StartWay, error: unknown, failures: number): StartWay | null {
    if (way === "boot" || !mayBeSnapshots(error)) return null;
    this.#deps.log.warn({ way, error: messageOf(error) }, "VM did not come up in this way");
    return error instanceof CloneFailedError && failures === 1 ? "clone" : "boot";
  }

  /**
   * Restores a clone and wakes it. Many that are woken at once keep each other so long that none has
   * the right time, so a wake is counted as a start; but not for ever, since code of the function's
   * may run in it.
   */
  async #clone(
    vm: FleetVm,
    snapshot: StoredSnapshot,
    { revision, signal, span }: StartOrder,
  ): Promise<void> {
    const { budget, starts, telemetry } = this.#deps;
    const facts = { vmId: vm.spec.id, vmName: vm.spec.name };
    vm.hold(await budget.acquire(vm.spec.memoryMib, signal));
    let woken: Promise<void> | undefined;
    await starts.run(async () => {
      await telemetry.follow("vm.restore", facts, span, () =>
        vm.restore(snapshot, revision.revision, signal),
      );
      woken = telemetry.follow("vm.wake", facts, span, () => vm.wake(signal));
      await this.#settled(woken, longWakeMs);
    }, signal);
    await woken;
  }

  /** Resolves when `task` has ended, one way or the other, or `limitMs` is over. */
  #settled(task: Promise<void>, limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const limit = this.#deps.clock.after(limitMs, resolve);
      const settle = () => {
        limit.cancel();
        resolve();
      };
      task.then(settle, settle);
    });
  }

  async #boot(vm: FleetVm, order: StartOrder): Promise<void> {
    const { budget, starts, telemetry } = this.#deps;
    const { owner, revision, signal, span, onBooted } = order;
    const facts = { vmId: vm.spec.id, vmName: vm.spec.name };
    vm.hold(await budget.acquire(vm.spec.memoryMib, signal));
    // Code may take long to load, or for ever; only what costs the host is counted.
    const boot = () => telemetry.follow("vm.boot", facts, span, () => vm.boot(signal));
    await starts.run(boot, signal);
    onBooted?.();
    const loaded = { ...facts, revision: revision.revision };
    await telemetry.follow("code.load", loaded, span, () =>
      vm.open(bundleOf(owner, revision), signal),
    );
  }
}

/** Whether booting may get round a failure: it is not one of the code, the host or the caller. */
function mayBeSnapshots(error: unknown): boolean {
  if (error instanceof VmStoppedError) return false;
  return !(error instanceof PlatformError) || !hopeless.has(error.code);
}

const hopeless: ReadonlySet<string> = new Set([
  "code_rejected",
  "host_full",
  "runtime_image_not_found",
  "shutting_down",
]);
