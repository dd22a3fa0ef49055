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

export interface FleetVmStart {
  readonly signal: AbortSignal;
  /** How long the code may take to load. */
  readonly loadLimitMs: number;
  /** Called between booting and loading. */
  readonly onBooted: () => void;
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
  #destroyed: Promise<void> | undefined;
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

  /** From now on it takes no invocation; resolves when those in it have ended or `limitMs` is over. */
  async drain(limitMs: number): Promise<void> {
    this.#state = "stopping";
    if (this.#inFlight === 0) return;
    await new Promise<void>((resolve) => {
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
   * Boots, takes over and loads. Rejects with `vm_start_failed` or `code_rejected` and leaves
   * nothing behind.
   */
  async start(bundle: RevisionBundle, options: FleetVmStart): Promise<void> {
    const { signal } = options;
    try {
      const image = await this.#deps.images.resolve(this.spec.runtime);
      this.#running = await this.#deps.driver.boot({ ...this.spec, image }, signal);
      signal.throwIfAborted();
      this.#state = "adopting";
      options.onBooted();
      const takeOver = this.#takeOver(this.#running, bundle, options);
      await Promise.race([takeOver, this.#diesFirst(this.#running)]);
      this.#state = "running";
      this.#readyAtMs = this.#lastUsedMs = this.#deps.clock.monotonicMs();
    } catch (error) {
      await this.destroy();
      throw error;
    }
  }

  async #takeOver(
    running: RunningVm,
    bundle: RevisionBundle,
    { signal, loadLimitMs }: FleetVmStart,
  ): Promise<void> {
    this.#connection = this.#deps.runtimeClient.connect(running.address);
    await this.#connection.adopt(this.#deps.clock.newToken(), this.spec.name);
    const limit = AbortSignal.timeout(loadLimitMs);
    try {
      const outcome = await this.load(bundle, AbortSignal.any([signal, limit]));
      if (!outcome.loaded) throw new PlatformError("code_rejected", outcome.message);
    } catch (error) {
      if (!limit.aborted || signal.aborted) throw error;
      const message = `Code did not finish loading within ${loadLimitMs / 1000} s`;
      throw new PlatformError("code_rejected", message, { cause: error });
    }
  }

  async #diesFirst(running: RunningVm): Promise<never> {
    const exit = await running.exited;
    throw new PlatformError(
      "vm_start_failed",
      `Failed to create VM "${this.spec.name}": it ended while it was being taken over: ${exit.detail}`,
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
