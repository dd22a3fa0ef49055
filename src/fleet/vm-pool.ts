import { messageOf, PlatformError } from "../core/errors.ts";
import type { FunctionRevision } from "../core/function.ts";
import { failedOutcome, type Outcome } from "../core/outcome.ts";
import { vmName, type VmOrigin } from "../core/vm.ts";
import type { Span } from "../ports/telemetry.ts";
import { FleetVm, VmStoppedError, type FleetVmDeps } from "./fleet-vm.ts";
import { bundleOf, loadLimitMs } from "./load-code.ts";
import {
  VmStarter,
  type StartOptions,
  type StartOrder,
  type StartWay,
  type VmOwner,
  type VmStarterDeps,
} from "./vm-starter.ts";

export interface VmPoolDeps extends FleetVmDeps, VmStarterDeps {}

/** How long a guest that missed a deadline has to show that it is alive. */
const examinationMs = 2_000;

/** The VMs of one function and their coming and going; the fleet decides when. */
export class VmPool {
  readonly #deps: VmPoolDeps;
  readonly #drainMs: number;
  /** Called whenever a place may have become free, or a VM has gone. */
  readonly #onChange: () => void;
  readonly #starter: VmStarter;
  readonly #vms = new Map<string, FleetVm>();
  /** For whoever wakes the function next: it stands by, or will soon. */
  #standby: FleetVm | undefined;

  constructor(deps: VmPoolDeps, drainMs: number, onChange: () => void) {
    this.#deps = deps;
    this.#starter = new VmStarter(deps);
    this.#drainMs = drainMs;
    this.#onChange = onChange;
  }

  /** All VMs, those that start, stand by or stop included. */
  get all(): readonly FleetVm[] {
    const serving = [...this.#vms.values()];
    return this.#standby === undefined ? serving : [...serving, this.#standby];
  }

  /** The VMs that serve, or soon will. */
  get staying(): readonly FleetVm[] {
    return [...this.#vms.values()].filter((vm) => vm.state !== "stopping");
  }

  get(vmId: string): FleetVm | undefined {
    return this.all.find((vm) => vm.spec.id === vmId);
  }

  get hasStandby(): boolean {
    return this.#standby !== undefined;
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
  start(owner: VmOwner, revision: FunctionRevision, options: StartOptions): Promise<FleetVm> {
    const facts = { ...factsOf(owner), revision: revision.revision };
    return this.#deps.telemetry.follow("vm.start", facts, options.span, (span) =>
      this.#start({ owner, revision, ...options, span }),
    );
  }

  async #start(order: StartOrder & { readonly span: Span }): Promise<FleetVm> {
    const { owner, revision, signal, span } = order;
    const standing = this.#takeStandby(revision, span);
    if (standing !== undefined) return standing;
    // Before anything is awaited, so that whoever counts the VMs that come counts this one.
    let vm = this.#add(owner, revision);
    let way = this.#starter.firstWay;
    for (let failures = 1; ; failures += 1) {
      try {
        await this.#bringUp(vm, order, way);
        return this.#serve(vm, way, span);
      } catch (error) {
        const failed = vm;
        const next = signal.aborted ? null : this.#starter.nextWay(way, error, failures);
        if (next !== null) {
          vm = this.#add(owner, revision);
          way = next;
        }
        await failed.destroy(messageOf(error));
        this.#vms.delete(failed.spec.id);
        if (next === null) throw error;
      }
    }
  }

  /** Brings a VM up to stand by, and counts how that went. */
  async #bringUp(vm: FleetVm, order: StartOrder, way: StartWay): Promise<void> {
    const { clock, telemetry } = this.#deps;
    const startedMs = clock.monotonicMs();
    let outcome: Outcome = "success";
    try {
      await this.#starter.bringUp(vm, order, way);
    } catch (error) {
      const unwanted = order.signal.aborted || error instanceof VmStoppedError;
      outcome = unwanted ? "cancelled" : failedOutcome(error);
      throw error;
    } finally {
      telemetry.countVmStart(way, outcome, clock.monotonicMs() - startedMs);
    }
  }

  #serve(vm: FleetVm, way: VmOrigin, span: Span): FleetVm {
    vm.serve();
    span.note({ vmId: vm.spec.id, vmName: vm.spec.name, way });
    this.#deps.log.info({ ...span.ids, ...idsOf(vm), way }, "VM is running");
    void vm.exited.then((exit) => this.#noticeExit(vm, exit.detail));
    return vm;
  }

  #add(owner: VmOwner, revision: FunctionRevision): FleetVm {
    const vm = this.#newVm(owner, revision);
    this.#vms.set(vm.spec.id, vm);
    return vm;
  }

  #newVm(owner: VmOwner, { vcpus, memoryMib }: FunctionRevision): FleetVm {
    const id = this.#deps.clock.newId();
    const name = this.#freeName(owner);
    const { runtime, egress } = owner;
    const spec = { id, name, functionId: owner.id, runtime, vcpus, memoryMib, egress };
    return new FleetVm(spec, this.#deps);
  }

  /** The VM that stands by, from now on one of those that serve, where it has what is wanted. */
  #takeStandby({ revision }: FunctionRevision, span: Span): FleetVm | undefined {
    const vm = this.#standby;
    if (vm?.state !== "standby" || vm.revision !== revision) return undefined;
    this.#standby = undefined;
    this.#vms.set(vm.spec.id, vm);
    this.#deps.telemetry.countVmStart("standby", "success", 0);
    return this.#serve(vm, "standby", span);
  }

  /** Starts a clone to stand by. Never rejects: whoever comes finds it, or starts one anew. */
  async holdStandby(
    owner: VmOwner,
    revision: FunctionRevision,
    signal: AbortSignal,
  ): Promise<void> {
    const { budget, log, snapshots, telemetry } = this.#deps;
    if (this.#standby !== undefined || snapshots === null) return;
    // Nobody has to make room for what nobody has asked for yet.
    if (!budget.hasRoom(revision.memoryMib)) return;
    const vm = (this.#standby = this.#newVm(owner, revision));
    try {
      const facts = { ...factsOf(owner), revision: revision.revision, way: "clone" as const };
      await telemetry.follow("vm.start", facts, undefined, (span) =>
        this.#bringUp(vm, { owner, revision, signal, span }, "clone"),
      );
      void vm.exited.then(() => this.dropStandby(vm));
    } catch (error) {
      if (vm !== this.#standby) return;
      log.warn({ ...idsOf(vm), error: messageOf(error) }, "VM does not stand by");
      await this.dropStandby(vm);
    }
  }

  /** Ends the VM that stands by, or does nothing where `vm` is not that any more. */
  async dropStandby(vm = this.#standby): Promise<void> {
    if (vm === undefined || vm !== this.#standby) return;
    this.#standby = undefined;
    await this.end(vm);
  }

  /**
   * Loads a revision into a running VM beside the one it serves. Resolves to `lost` where the VM
   * did not survive that, and to the reason where it refused the code and goes on with the old.
   */
  async load(
    vm: FleetVm,
    owner: VmOwner,
    revision: FunctionRevision,
    { signal, span }: StartOptions,
  ): Promise<"loaded" | "lost" | PlatformError> {
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(loadLimitMs)]);
      const facts = { vmId: vm.spec.id, vmName: vm.spec.name, revision: revision.revision };
      const outcome = await this.#deps.telemetry.follow("code.load", facts, span, () =>
        vm.load(bundleOf(owner, revision), limit),
      );
      return outcome.loaded ? "loaded" : new PlatformError("code_rejected", outcome.message);
    } catch (error) {
      // Whether the guest has switched is unknown now, so it cannot stay.
      this.#deps.log.warn({ ...idsOf(vm), error: messageOf(error) }, "VM lost while loading");
      void this.retire(vm, "It was lost while code was loaded");
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
      await this.end(vm, "It did not answer");
    }
  }

  /** Ends a VM once its invocations have ended, or the drain time is over. Repeatable. */
  async retire(vm: FleetVm, reason?: string): Promise<void> {
    await vm.drain(this.#drainMs, reason);
    await this.end(vm);
  }

  /** Ends a VM, whatever runs in it. Never rejects; repeatable. */
  async end(vm: FleetVm, reason?: string): Promise<void> {
    try {
      await vm.destroy(reason);
    } catch (error) {
      this.#deps.log.error({ ...idsOf(vm), error: messageOf(error) }, "VM was not destroyed");
    } finally {
      this.#vms.delete(vm.spec.id);
      this.#onChange();
    }
  }

  #noticeExit(vm: FleetVm, detail: string): void {
    const facts = { ...idsOf(vm), detail };
    if (vm.state === "stopping") {
      // One that was found not to answer may have ended for a reason of its own.
      this.#deps.log.info(facts, "VM ended");
      return;
    }
    this.#deps.log.warn(facts, "VM ended by itself");
    void this.end(vm, `It ended by itself: ${detail}`);
  }

  #freeName({ name, id }: VmOwner): string {
    const taken = new Set(this.all.map((vm) => vm.spec.name));
    let ordinal = 1;
    while (taken.has(vmName(name, id, ordinal))) ordinal += 1;
    return vmName(name, id, ordinal);
  }
}

function factsOf({ id, name, runtime }: VmOwner) {
  return { functionId: id, functionName: name, runtime };
}

/** What every log line about a VM names. */
function idsOf({ spec }: FleetVm): object {
  return { functionId: spec.functionId, vmId: spec.id, vmName: spec.name };
}
