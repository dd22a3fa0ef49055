import { PlatformError } from "../core/errors.ts";
import type { GuestAddress, VmSpec, VmState } from "../core/vm.ts";
import type { Clock } from "../ports/clock.ts";
import type { ImageCatalog } from "../ports/image-catalog.ts";
import type {
  GuestConnection,
  GuestInvocation,
  GuestReply,
  LoadOutcome,
  RevisionBundle,
  RuntimeClient,
} from "../ports/runtime-client.ts";
import type { RunningVm, VmDriver, VmExit } from "../ports/vm-driver.ts";

export interface FleetVmDeps {
  readonly driver: VmDriver;
  readonly images: ImageCatalog;
  readonly runtimeClient: RuntimeClient;
  readonly clock: Clock;
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
  #connection: GuestConnection | undefined;
  #revision: number | null = null;
  #readyAtMs = 0;
  #drained: Promise<void> | undefined;
  #destroyed: Promise<void> | undefined;
  /** Aborts what is under way when it is destroyed while it starts. */
  readonly #ending = new AbortController();
  #inFlight = 0;
  #lastUsedMs = 0;
  #onIdle: (() => void) | undefined;
  /** It did not answer in time and is being asked whether it is alive. */
  suspect = false;

  constructor(spec: FleetVmSpec, deps: FleetVmDeps) {
    this.spec = spec;
    this.#deps = deps;
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
   * Repeatable; the first limit counts.
   */
  drain(limitMs: number): Promise<void> {
    this.#state = "stopping";
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
      const running = await this.#deps.driver.boot({ ...this.spec, image }, either);
      this.#running = running;
      either.throwIfAborted();
      this.#state = "adopting";
      this.#connection = this.#deps.runtimeClient.connect(running.address);
      const limit = AbortSignal.any([either, AbortSignal.timeout(adoptionLimitMs)]);
      const adopted = this.#connection.adopt(this.#deps.clock.newToken(), this.spec.name, limit);
      await Promise.race([adopted, this.#diesFirst(running)]);
    });
  }

  /** Loads the first revision into a booted VM. Rejects as `boot` does, and with `code_rejected`. */
  async open(bundle: RevisionBundle, signal: AbortSignal, loadLimitMs: number): Promise<void> {
    await this.#orNothing(signal, async (either) => {
      const limit = AbortSignal.timeout(loadLimitMs);
      try {
        const outcome = await this.load(bundle, AbortSignal.any([either, limit]));
        if (!outcome.loaded) throw new PlatformError("code_rejected", outcome.message);
      } catch (error) {
        if (!limit.aborted || either.aborted) throw error;
        const message = `Code did not finish loading within ${loadLimitMs / 1000} s`;
        throw new PlatformError("code_rejected", message, { cause: error });
      }
      this.#state = "running";
      this.#readyAtMs = this.#lastUsedMs = this.#deps.clock.monotonicMs();
    });
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
      await this.destroy();
      throw stopped ? ending.reason : error;
    }
  }

  async #diesFirst(running: RunningVm): Promise<never> {
    const exit = await running.exited;
    throw new PlatformError(
      "vm_start_failed",
      `Cannot start VM "${this.spec.name}": it ended while it was being taken over: ${exit.detail}`,
    );
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

  /** Ends it; calls under way reject with `vm_lost`. Repeatable. */
  destroy(): Promise<void> {
    this.#state = "stopping";
    this.#ending.abort(new VmStoppedError(this.spec.name));
    this.#destroyed ??= this.#destroyOnce();
    return this.#destroyed;
  }

  async #destroyOnce(): Promise<void> {
    await this.#connection?.close();
    await this.#deps.driver.destroy(this.spec.id);
  }

  #connected(): GuestConnection {
    if (this.#connection === undefined) {
      throw new PlatformError("vm_lost", `VM "${this.spec.name}" is not connected`);
    }
    return this.#connection;
  }
}
