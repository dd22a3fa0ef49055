import { messageOf, PlatformError } from "../core/errors.ts";
import type { FunctionRecord, FunctionRevision } from "../core/function.ts";
import type { Semaphore } from "../lib/semaphore.ts";
import type { Log } from "../ports/log.ts";
import type { StoredSnapshot } from "../ports/snapshot-store.ts";
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
}

/** What a VM is started for. */
export interface StartOrder extends StartOptions {
  readonly owner: VmOwner;
  readonly revision: FunctionRevision;
}

export interface VmStarterDeps {
  readonly log: Log;
  /** Host-wide: how many VMs may be starting at once. */
  readonly starts: Semaphore;
  readonly budget: HostBudget;
  /** Null where VMs boot, because the driver has no snapshots or the operator wants none. */
  readonly snapshots: Snapshots | null;
}

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
      await this.#restore(vm, snapshot, order);
      await vm.wake(signal);
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

  async #restore(
    vm: FleetVm,
    snapshot: StoredSnapshot,
    { revision, signal }: StartOrder,
  ): Promise<void> {
    const { budget, starts } = this.#deps;
    vm.hold(await budget.acquire(vm.spec.memoryMib, signal));
    await starts.run(() => vm.restore(snapshot, revision.revision, signal), signal);
  }

  async #boot(vm: FleetVm, { owner, revision, signal, onBooted }: StartOrder): Promise<void> {
    const { budget, starts } = this.#deps;
    vm.hold(await budget.acquire(vm.spec.memoryMib, signal));
    // Code may take long to load, or for ever; only what costs the host is counted.
    await starts.run(() => vm.boot(signal), signal);
    onBooted?.();
    await vm.open(bundleOf(owner, revision), signal);
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
