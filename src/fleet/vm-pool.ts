import { messageOf, PlatformError } from "../core/errors.ts";
import type { FunctionRecord, FunctionRevision } from "../core/function.ts";
import { vmName } from "../core/vm.ts";
import type { Semaphore } from "../lib/semaphore.ts";
import type { Log } from "../ports/log.ts";
import type { RevisionBundle } from "../ports/runtime-client.ts";
import { FleetVm, type FleetVmDeps } from "./fleet-vm.ts";

export interface VmPoolDeps extends FleetVmDeps {
  readonly log: Log;
  /** Host-wide: how many VMs may be starting at once. */
  readonly starts: Semaphore;
}

/** Whose VMs these are. */
export type VmOwner = Pick<FunctionRecord, "id" | "name" | "runtime">;

export interface StartOptions {
  readonly signal: AbortSignal;
  /** Called when the VM has booted and the code goes in. */
  readonly onBooted?: () => void;
}

/** How long a guest that missed a deadline has to show that it is alive. */
const examinationMs = 2_000;

/** How long code may take to load before it counts as broken. */
const loadLimitMs = 30_000;

/** The VMs of one function and their coming and going; the fleet decides when. */
export class VmPool {
  readonly #deps: VmPoolDeps;
  readonly #drainMs: number;
  /** Called whenever a place may have become free, or a VM has gone. */
  readonly #onChange: () => void;
  readonly #vms = new Map<string, FleetVm>();

  constructor(deps: VmPoolDeps, drainMs: number, onChange: () => void) {
    this.#deps = deps;
    this.#drainMs = drainMs;
    this.#onChange = onChange;
  }

  /** All VMs, those that start or stop included. */
  get all(): readonly FleetVm[] {
    return [...this.#vms.values()];
  }

  /** The VMs that are not on their way out. */
  get staying(): readonly FleetVm[] {
    return this.all.filter((vm) => vm.state !== "stopping");
  }

  get(vmId: string): FleetVm | undefined {
    return this.#vms.get(vmId);
  }

  /** Holds a place in the least busy VM that has one; `capacity` is Infinity for no limit. */
  takePlace(capacity: number): FleetVm | undefined {
    let best: FleetVm | undefined;
    for (const vm of this.#vms.values()) {
      if (!vm.canTake(capacity)) continue;
      if (best === undefined || vm.inFlight < best.inFlight) best = vm;
    }
    best?.enter();
    return best;
  }

  /** Starts a VM that serves `revision`. Rejects, leaving nothing behind, where that fails. */
  async start(owner: VmOwner, revision: FunctionRevision, options: StartOptions): Promise<FleetVm> {
    const vm = new FleetVm(
      {
        id: this.#deps.clock.newId(),
        name: this.#freeName(owner),
        functionId: owner.id,
        runtime: owner.runtime,
        vcpus: revision.vcpus,
        memoryMib: revision.memoryMib,
      },
      this.#deps,
    );
    this.#vms.set(vm.spec.id, vm);
    try {
      // Code may take long to load, or for ever; only what costs the host is counted.
      await this.#deps.starts.run(() => vm.boot(options.signal), options.signal);
      options.onBooted?.();
      await vm.open(bundle(owner, revision), options.signal, loadLimitMs);
    } catch (error) {
      await vm.destroy();
      this.#vms.delete(vm.spec.id);
      throw error;
    }
    this.#deps.log.info(idsOf(vm), "VM is running");
    void vm.exited.then((exit) => this.#noticeExit(vm, exit.detail));
    return vm;
  }

  /**
   * Loads a revision into a running VM beside the one it serves. Resolves to `lost` where the VM
   * did not survive that, and to the reason where it refused the code and goes on with the old.
   */
  async load(
    vm: FleetVm,
    owner: VmOwner,
    revision: FunctionRevision,
    signal: AbortSignal,
  ): Promise<"loaded" | "lost" | PlatformError> {
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(loadLimitMs)]);
      const outcome = await vm.load(bundle(owner, revision), limit);
      return outcome.loaded ? "loaded" : new PlatformError("code_rejected", outcome.message);
    } catch (error) {
      // Whether the guest has switched is unknown now, so it cannot stay.
      this.#deps.log.warn({ ...idsOf(vm), error: messageOf(error) }, "VM lost while loading");
      void this.retire(vm);
      return "lost";
    }
  }

  /** Asks a VM that failed a call whether it is alive, and ends it if it does not say so. */
  async examine(vm: FleetVm): Promise<void> {
    if (vm.suspect || vm.state !== "running") return;
    vm.suspect = true;
    const alive = await vm.isAlive(examinationMs);
    vm.suspect = false;
    if (alive) this.#onChange();
    else {
      this.#deps.log.warn(idsOf(vm), "VM does not answer and is replaced");
      await this.#discard(vm);
    }
  }

  /** Ends a VM once its invocations have ended, or the drain time is over. Repeatable. */
  async retire(vm: FleetVm): Promise<void> {
    await vm.drain(this.#drainMs);
    await this.#discard(vm);
  }

  async #discard(vm: FleetVm): Promise<void> {
    try {
      await vm.destroy();
    } catch (error) {
      this.#deps.log.error({ ...idsOf(vm), error: messageOf(error) }, "VM was not destroyed");
    } finally {
      this.#vms.delete(vm.spec.id);
      this.#onChange();
    }
  }

  #noticeExit(vm: FleetVm, detail: string): void {
    if (vm.state === "stopping") return;
    this.#deps.log.warn({ ...idsOf(vm), detail }, "VM ended by itself");
    void this.#discard(vm);
  }

  #freeName({ name, id }: VmOwner): string {
    const taken = new Set(this.all.map((vm) => vm.spec.name));
    let ordinal = 1;
    while (taken.has(vmName(name, id, ordinal))) ordinal += 1;
    return vmName(name, id, ordinal);
  }
}

/** What every log line about a VM names. */
function idsOf({ spec }: FleetVm): object {
  return { functionId: spec.functionId, vmId: spec.id, vmName: spec.name };
}

function bundle(owner: VmOwner, revision: FunctionRevision): RevisionBundle {
  const { handler, code, env, memoryMib } = revision;
  return {
    revision: revision.revision,
    functionName: owner.name,
    memoryMib,
    handler,
    code,
    env,
  };
}
