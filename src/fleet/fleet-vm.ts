import type { Egress } from "../core/egress.ts";
import { messageOf, PlatformError } from "../core/errors.ts";
import { snapshotName } from "../core/snapshot.ts";
import type { GuestAddress, VmSpec, VmState } from "../core/vm.ts";
import type { ChangeListener } from "../ports/changes.ts";
import type { Clock } from "../ports/clock.ts";
import type { ImageCatalog } from "../ports/image-catalog.ts";
import type { VmNetwork } from "../ports/network.ts";
import type {
  GuestConnection,
  GuestInvocation,
  GuestReply,
  LoadOutcome,
  RevisionBundle,
  RuntimeClient,
} from "../ports/runtime-client.ts";
import type { StoredSnapshot } from "../ports/snapshot-store.ts";
import type { PausedVm, RunningVm, VmDriver, VmExit, VmSnapshots } from "../ports/vm-driver.ts";
import type { HostShare } from "./host-budget.ts";
import { loadFirst } from "./load-code.ts";
import { unlessGone, wakeClone } from "./wake-clone.ts";

export interface FleetVmDeps {
  readonly driver: VmDriver;
  readonly images: ImageCatalog;
  readonly network: Pick<VmNetwork, "setEgress">;
  readonly runtimeClient: RuntimeClient;
  readonly clock: Clock;
  readonly changes: ChangeListener;
}

/** What a VM is to be; which image that takes is looked up when it starts. */
export type FleetVmSpec = Omit<VmSpec, "image"> & { readonly runtime: string };

/** How long a guest that has answered `/health` may take to be taken over. */
const adoptionLimitMs = 10_000;

/** Somebody ended a VM while it was starting, which says nothing against starting another. */
export class VmStoppedError extends PlatformError {
  constructor(name: string) {
    super("vm_start_failed", `VM "${name}" was stopped while it was starting`);
  }
}

/** One VM of a fleet, from the decision to start it until nothing of it is left. */
export class FleetVm {
  readonly spec: FleetVmSpec;
  readonly #deps: FleetVmDeps;
  #state: VmState = "booting";
  #running: RunningVm | undefined;
  #paused: PausedVm | undefined;
  #connection: GuestConnection | undefined;
  #revision: number | null = null;
  #readyAtMs = 0;
  #restoredFrom: string | null = null;
  #share: HostShare | undefined;
  #drained: Promise<void> | undefined;
  #destroyed: Promise<void> | undefined;
  /** Aborts what is under way when it is destroyed while it starts. */
  readonly #ending = new AbortController();
  #egress: Egress;
  /** Why it goes. */
  #reason: string | null = null;
  #inFlight = 0;
  #lastUsedMs = 0;
  #onIdle: (() => void) | undefined;
  /** It did not answer in time and is being asked whether it is alive. */
  suspect = false;

  constructor(spec: FleetVmSpec, deps: FleetVmDeps) {
    this.spec = spec;
    this.#deps = deps;
    this.#egress = spec.egress;
    this.#announce(this.#state, null);
  }

  #enter(state: VmState): void {
    const before = this.#state;
    if (state === before) return;
    this.#state = state;
    this.#announce(state, before);
  }

  #announce(state: VmState | "gone", previousState: VmState | null): void {
    const { id, name, functionId } = this.spec;
    const vm = { vmId: id, vmName: name, functionId, revision: this.#revision };
    const reason = this.#reason;
    this.#deps.changes.changed({ subject: "vm", ...vm, state, previousState, reason });
  }

  get state(): VmState {
    return this.#state;
  }

  get running(): RunningVm | undefined {
    return this.#running;
  }

  /** Resolves when the VM has gone; never for one that has not started. */
  get exited(): Promise<VmExit> {
    return this.#running?.exited ?? new Promise(() => undefined);
  }

  get address(): GuestAddress | undefined {
    return this.#running?.address;
  }

  /** The revision that new invocations get; null until one has loaded. */
  get revision(): number | null {
    return this.#revision;
  }

  /** The name of the snapshot that it is a clone of; null where it booted. */
  get restoredFrom(): string | null {
    return this.#restoredFrom;
  }

  /** Monotonic time at which it could take its first invocation. */
  get readyAtMs(): number {
    return this.#readyAtMs;
  }

  /** Invocations that hold a place in this VM. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Monotonic time of the last invocation's end, or of becoming ready. */
  get lastUsedMs(): number {
    return this.#lastUsedMs;
  }

  /** Takes on what it may take of the host, to give it back when it has gone. */
  hold(share: HostShare): void {
    this.#share = share;
    if (this.#destroyed !== undefined) share.release();
  }

  /** Holds a place for one invocation; `leave` gives it back. */
  enter(): void {
    this.#inFlight += 1;
  }

  leave(): void {
    this.#inFlight -= 1;
    this.#lastUsedMs = this.#deps.clock.monotonicMs();
    if (this.#inFlight === 0) this.#onIdle?.();
  }

  /**
   * From now on it takes no invocation; resolves when those in it have ended or `limitMs` is over.
   * Repeatable; the first limit and the first reason count.
   */
  drain(limitMs: number, reason?: string): Promise<void> {
    this.#reason ??= reason ?? null;
    this.#enter("stopping");
    this.#drained ??= this.#untilIdle(limitMs);
    return this.#drained;
  }

  #untilIdle(limitMs: number): Promise<void> {
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const deadline = this.#deps.clock.after(limitMs, resolve);
      this.#onIdle = () => {
        deadline.cancel();
        resolve();
      };
    });
  }

  /** Whether a further invocation may be given to it; `capacity` is Infinity for no limit. */
  canTake(capacity: number): boolean {
    return this.#state === "running" && !this.suspect && this.#inFlight < capacity;
  }

  /**
   * Boots and takes over, so that code can be loaded. Rejects with `vm_start_failed`, or with
   * `VmStoppedError` where it was destroyed meanwhile, and leaves nothing behind.
   */
  async boot(signal: AbortSignal): Promise<void> {
    await this.#orNothing(signal, async (either) => {
      const image = await this.#deps.images.resolve(this.spec.runtime);
      either.throwIfAborted();
      const spec = { ...this.spec, image, egress: this.#egress };
      const running = await this.#deps.driver.boot(spec, either);
      this.#running = running;
      either.throwIfAborted();
      await this.#keepEgress(spec);
      this.#enter("adopting");
      this.#connection = this.#deps.runtimeClient.connect(running.address);
      const limit = AbortSignal.any([either, AbortSignal.timeout(adoptionLimitMs)]);
      const adopted = this.#connection.adopt(this.#deps.clock.newToken(), this.spec.name, limit);
      await unlessGone(running, this.spec.name, adopted);
    });
  }

  /** Restores a snapshot with `revision` in it; it has to be woken. Rejects as `boot` does. */
  async restore(
    { files, key }: StoredSnapshot,
    revision: number,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#orNothing(signal, async (either) => {
      const image = await this.#deps.images.resolve(this.spec.runtime);
      either.throwIfAborted();
      const spec = { ...this.spec, image, egress: this.#egress };
      this.#paused = await this.#snapshots().restore(spec, files, either);
      this.#running = this.#paused;
      either.throwIfAborted();
      await this.#keepEgress(spec);
      this.#restoredFrom = snapshotName(key);
      this.#revision = revision;
    });
  }

  /** Resolves when a new policy holds in it; where it is still starting, it comes up with that. */
  async setEgress(egress: Egress): Promise<void> {
    this.#egress = egress;
    await this.#deps.network.setEgress(this.spec.id, egress);
  }

  /** A policy that came after the start had begun may have met no network. */
  async #keepEgress({ id, egress }: Pick<VmSpec, "id" | "egress">): Promise<void> {
    if (egress !== this.#egress) await this.#deps.network.setEgress(id, this.#egress);
  }

  /** Lets a restored VM run, under an identity of its own, to stand by. Rejects as `boot` does. */
  async wake(signal: AbortSignal): Promise<void> {
    await this.#orNothing(signal, async (either) => {
      const paused = this.#paused;
      if (paused === undefined) throw new Error(`VM "${this.spec.name}" was not restored`);
      this.#enter("adopting");
      const deps = { ...this.#deps, snapshots: this.#snapshots() };
      this.#connection = await wakeClone(paused, this.spec.name, deps, either);
      this.#standBy();
    });
  }

  /** Loads the first revision into a booted VM, to stand by. Rejects as `boot` does, and with `code_rejected`. */
  async open(bundle: RevisionBundle, signal: AbortSignal): Promise<void> {
    await this.#orNothing(signal, async (either) => {
      await loadFirst(this, bundle, either);
      this.#standBy();
    });
  }

  #standBy(): void {
    this.#enter("standby");
    this.#readyAtMs = this.#deps.clock.monotonicMs();
  }

  /** From now on a VM that stands by takes invocations; nothing happens to one that is going. */
  serve(): void {
    if (this.#state !== "standby") return;
    this.#enter("running");
    this.#lastUsedMs = this.#deps.clock.monotonicMs();
  }

  /** Does a step of the start; where it fails, nothing is left of the VM. */
  async #orNothing(
    signal: AbortSignal,
    step: (either: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const { signal: ending } = this.#ending;
    try {
      await step(AbortSignal.any([signal, ending]));
    } catch (error) {
      const stopped = ending.aborted && !signal.aborted;
      await this.destroy(messageOf(error));
      throw stopped ? ending.reason : error;
    }
  }

  /** Loads a revision beside the running one; a refusal leaves the old one serving. */
  async load(bundle: RevisionBundle, signal: AbortSignal): Promise<LoadOutcome> {
    const outcome = await this.#connected().load(bundle, signal);
    if (outcome.loaded) this.#revision = bundle.revision;
    return outcome;
  }

  invoke(invocation: GuestInvocation, signal: AbortSignal): Promise<GuestReply> {
    return this.#connected().invoke(invocation, signal);
  }

  async isAlive(limitMs: number): Promise<boolean> {
    return this.#destroyed === undefined && (await this.#connected().isAlive(limitMs));
  }

  /** Ends it; calls under way reject with `vm_lost`. Repeatable; the first reason counts. */
  destroy(reason?: string): Promise<void> {
    this.#reason ??= reason ?? null;
    this.#enter("stopping");
    this.#ending.abort(new VmStoppedError(this.spec.name));
    this.#destroyed ??= this.#destroyOnce();
    return this.#destroyed;
  }

  async #destroyOnce(): Promise<void> {
    try {
      await this.#connection?.close();
      await this.#deps.driver.destroy(this.spec.id);
      this.#announce("gone", this.#state);
    } finally {
      this.#share?.release();
    }
  }

  #snapshots(): VmSnapshots {
    const { snapshots } = this.#deps.driver;
    if (snapshots === undefined) throw new Error("This driver restores no snapshots");
    return snapshots;
  }

  #connected(): GuestConnection {
    if (this.#connection === undefined) {
      throw new PlatformError("vm_lost", `VM "${this.spec.name}" is not connected`);
    }
    return this.#connection;
  }
}
