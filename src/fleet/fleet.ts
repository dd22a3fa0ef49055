import type { Egress } from "../core/egress.ts";
import { messageOf, PlatformError } from "../core/errors.ts";
import { isHotChange, type FunctionRecord, type FunctionRevision } from "../core/function.ts";
import type { GuestInvocation, GuestReply } from "../ports/runtime-client.ts";
import type { Span } from "../ports/telemetry.ts";
import { VmStoppedError, type FleetVm } from "./fleet-vm.ts";
import { StartBackoff } from "./start-backoff.ts";
import { VmPool, type VmPoolDeps } from "./vm-pool.ts";
import type { StartOptions, VmOwner } from "./vm-starter.ts";
import { WaitingLine } from "./waiting-line.ts";

export interface FleetLimits {
  /** Invocations of one function that may wait for a VM. */
  readonly queueLength: number;
  /** How long an invocation that woke the function may wait for its VM, if its timeout is shorter. */
  readonly wakeMs: number;
  /** How long invocations in a VM that is to go may still run. */
  readonly drainMs: number;
}

export interface FleetInvocation extends GuestInvocation {
  /** What a VM is started for, where it takes one. */
  readonly span?: Span | undefined;
}

export interface FleetReply extends GuestReply {
  readonly vmId: string;
  readonly coldStart: boolean;
}

/** What a fleet takes from its function's record beside the revision that serves. */
export type FleetSettings = VmOwner &
  Pick<FunctionRecord, "minVms" | "maxVms" | "maxConcurrency" | "idleTimeoutMs">;

/** The guest answers at the limit; this long after it, the manager answers in its place. */
const timeoutGraceMs = 120;

/** How long a load that is not wanted any more may still take. */
const loadGraceMs = 1_000;

/** Invocations in one VM, on average, beyond which a function with no limit of its own gets another. */
const busyVm = 64;

/** How long a revision must have served before its snapshot is made; until then the next may come. */
const snapshotDelayMs = 2_000;

/** Invocations at once in one VM, whatever its function allows: a connection each, on both sides. */
const mostInOneVm = 512;

/** The VMs of one function: picks one for each invocation, starts more, lets them go. */
export class Fleet {
  readonly #deps: VmPoolDeps;
  readonly #wakeMs: number;
  readonly #pool: VmPool;
  readonly #line: WaitingLine;
  readonly #backoff: StartBackoff;
  readonly #closing = new AbortController();
  #settings: FleetSettings;
  #revision: FunctionRevision | null;
  #lastActiveMs = -Infinity;
  #snapshotSoon: { cancel(): void } | undefined;

  constructor(record: FunctionRecord, limits: FleetLimits, deps: VmPoolDeps) {
    this.#settings = record;
    this.#revision = record.deployed;
    this.#deps = deps;
    this.#wakeMs = limits.wakeMs;
    this.#line = new WaitingLine(deps.clock, limits.queueLength);
    this.#backoff = new StartBackoff(deps.clock);
    this.#pool = new VmPool(deps, limits.drainMs, () => this.#serveLine());
  }

  /** All VMs, those that start or stop included. */
  get vms(): readonly FleetVm[] {
    return this.#pool.all;
  }

  /** Monotonic time of the last invocation; -Infinity before the first. */
  get lastActiveMs(): number {
    return this.#lastActiveMs;
  }

  get functionName(): string {
    return this.#settings.name;
  }

  /** Invocations that wait for a VM. */
  get waiting(): number {
    return this.#line.length;
  }

  /** Whether its next invocation has to start a VM. */
  get sleeps(): boolean {
    return this.#revision !== null && this.#pool.staying.length === 0;
  }

  get hasStandby(): boolean {
    return this.#pool.hasStandby;
  }

  /** Takes on a changed record; what its VMs run is changed by `rollout` alone. */
  configure(settings: FleetSettings): void {
    this.#settings = settings;
  }

  /** Resolves when all its VMs keep to a new policy. */
  async setEgress(egress: Egress): Promise<void> {
    await Promise.all(this.#pool.all.map((vm) => vm.setEgress(egress)));
  }

  /**
   * Runs one invocation in the least busy VM, starting one where there is none. Rejects with
   * `function_not_ready`, `queue_full`, `vm_start_failed` or `vm_lost`; a function that throws or
   * is too slow is a reply.
   */
  async invoke(invocation: FleetInvocation): Promise<FleetReply> {
    const arrivedMs = this.#deps.clock.monotonicMs();
    this.#lastActiveMs = arrivedMs;
    const vm = this.#takePlace() ?? (await this.#waitForPlace(invocation));
    const where = { vmId: vm.spec.id, coldStart: vm.readyAtMs > arrivedMs };
    const late = new AbortController();
    const deadline = this.#deps.clock.after(invocation.timeoutMs + timeoutGraceMs, () =>
      late.abort(),
    );
    try {
      const reply = await vm.invoke(invocation, late.signal);
      if (reply.replace) void this.#pool.retire(vm, "Its guest asked to be replaced");
      return { ...reply, ...where };
    } catch (error) {
      void this.#pool.examine(vm);
      if (!late.signal.aborted) throw error;
      return { ...timedOut(invocation.timeoutMs), ...where };
    } finally {
      deadline.cancel();
      vm.leave();
      if (this.#line.length > 0) this.#serveLine();
    }
  }

  /**
   * Makes `revision` the one that serves: loaded beside the old one where VMs run that can take
   * it, in a new VM otherwise. Rejects, with nothing changed, where it does not load.
   */
  async rollout(revision: FunctionRevision, options: StartOptions): Promise<void> {
    const hot = this.#revision !== null && isHotChange(this.#revision, revision);
    try {
      const loaded = hot && (await this.#loadInto(this.#running, revision, options));
      if (!loaded) await this.#startUnlessRefused(revision, options);
      this.#revision = revision;
      void this.#pool.dropStandby();
      this.#snapshotLater(revision);
      // Those that the new revision does not fit, and those that came up with the old one meanwhile.
      for (const vm of this.#running) void this.#bringUpToDate(vm);
    } finally {
      // A VM that was coming may not have come, and the old revision serves on.
      this.#serveLine();
    }
  }

  /**
   * Whether one VM at least has taken the revision. The first decides for all: where it refuses,
   * none is asked; one that refuses later, what another took, will be replaced.
   */
  async #loadInto(
    vms: readonly FleetVm[],
    revision: FunctionRevision,
    { signal, span }: StartOptions,
  ): Promise<boolean> {
    let loaded = false;
    for (const vm of vms) {
      // Once one has taken it there is no way back but forward.
      if (!loaded) signal.throwIfAborted();
      const until = { signal: this.#untilTooLate(signal), span };
      const outcome = await this.#pool.load(vm, this.#settings, revision, until);
      if (outcome === "loaded") loaded = true;
      else if (outcome !== "lost" && !loaded) throw outcome;
    }
    return loaded;
  }

  /** Aborts a while after `signal`: a load in flight mostly ends well, and sparing its VM a restart pays. */
  #untilTooLate(signal: AbortSignal): AbortSignal {
    const tooLate = new AbortController();
    const giveUp = () => {
      this.#deps.clock.after(loadGraceMs, () => tooLate.abort(signal.reason));
    };
    if (signal.aborted) giveUp();
    else signal.addEventListener("abort", giveUp, { once: true });
    return AbortSignal.any([tooLate.signal, this.#closing.signal]);
  }

  /** Has the snapshot made that new VMs are cloned from, once no newer revision has come for a while. */
  #snapshotLater(revision: FunctionRevision): void {
    this.#snapshotSoon?.cancel();
    this.#snapshotSoon = this.#deps.clock.after(
      snapshotDelayMs,
      () => void this.#snapshotNow(revision),
    );
  }

  async #snapshotNow(revision: FunctionRevision): Promise<void> {
    const { log, snapshots } = this.#deps;
    const { signal } = this.#closing;
    const { id } = this.#settings;
    const isCurrent = () => !signal.aborted && this.#revision === revision;
    if (snapshots === null || !isCurrent()) return;
    try {
      await snapshots.ofRevision(this.#settings, revision, { signal });
      if (isCurrent()) await snapshots.keepOnly(id, revision.revision);
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ functionId: id, error: messageOf(error) }, "Snapshot was not made");
    }
  }

  /**
   * Stops what has been idle for too long or is more than `maxVms`, and starts what `minVms`
   * wants; called every second.
   */
  tend(): void {
    if (this.#closing.signal.aborted || this.#revision === null) return;
    const { minVms, maxVms, idleTimeoutMs } = this.#settings;
    const idleSince = this.#deps.clock.monotonicMs() - idleTimeoutMs;
    const leastBusy = this.#running.toSorted((a, b) => a.inFlight - b.inFlight);
    const excess = Math.max(0, leastBusy.length - maxVms);
    for (const vm of leastBusy.slice(0, excess))
      void this.#pool.retire(vm, "It is more than max_vms");
    const staying = this.#pool.staying;
    const idle = this.#running.filter((vm) => vm.inFlight === 0 && vm.lastUsedMs <= idleSince);
    const spare = Math.max(0, staying.length - minVms);
    for (const vm of idle.slice(0, spare)) void this.#pool.retire(vm, "It was idle");
    const missing = this.#backoff.allows() ? minVms - staying.length : 0;
    for (let n = 0; n < missing; n += 1) void this.#startInBackground(this.#revision);
    if (this.#isBusy && missing <= 0) void this.#startInBackground(this.#revision);
  }

  /** Whether so much runs at once, where nothing has to wait, that another VM should share it. */
  get #isBusy(): boolean {
    const { maxConcurrency, maxVms } = this.#settings;
    const staying = this.#pool.staying;
    const inFlight = staying.reduce((sum, vm) => sum + vm.inFlight, 0);
    const allRun = staying.every((vm) => vm.state === "running");
    const unlimited = maxConcurrency === 0 || maxConcurrency > busyVm;
    return unlimited && allRun && staying.length < maxVms && inFlight > busyVm * staying.length;
  }

  /** Restores a VM to stand by for the next invocation, where there is none. Never rejects. */
  async holdStandby(): Promise<void> {
    if (this.#revision === null || this.#closing.signal.aborted) return;
    await this.#pool.holdStandby(this.#settings, this.#revision, this.#closing.signal);
  }

  async dropStandby(): Promise<void> {
    await this.#pool.dropStandby();
  }

  /** Its VM that was idle for longest and that it can do without; undefined where there is none. */
  get spareVm(): FleetVm | undefined {
    const spare = this.#pool.staying.length - this.#settings.minVms;
    if (spare <= 0) return undefined;
    const idle = this.#running.filter((vm) => vm.inFlight === 0);
    return idle.toSorted((a, b) => a.lastUsedMs - b.lastUsedMs)[0];
  }

  /** Stops one VM, as if it had been idle, or whatever runs in it. Whether the fleet has it. */
  stop(vmId: string, when: "drained" | "now" = "drained"): boolean {
    const vm = this.#pool.get(vmId);
    if (vm !== undefined) void (when === "now" ? this.#pool.end(vm) : this.#pool.retire(vm));
    return vm !== undefined;
  }

  /** Takes no new invocation, lets those under way finish within the drain time, ends all VMs. */
  async close(reason: PlatformError): Promise<void> {
    this.#closing.abort(reason);
    this.#snapshotSoon?.cancel();
    this.#line.rejectAll(reason);
    await Promise.all(this.#pool.all.map((vm) => this.#pool.retire(vm, reason.message)));
  }

  get #capacity(): number {
    return Math.min(this.#settings.maxConcurrency || mostInOneVm, mostInOneVm);
  }

  get #running(): FleetVm[] {
    return this.#pool.staying.filter((vm) => vm.state === "running");
  }

  #takePlace(): FleetVm | undefined {
    return this.#closing.signal.aborted ? undefined : this.#pool.takePlace(this.#capacity);
  }

  #waitForPlace({ timeoutMs, span }: FleetInvocation): Promise<FleetVm> {
    if (this.#closing.signal.aborted) return Promise.reject(this.#closing.signal.reason as Error);
    // The function's timeout is for its handler: a VM that has to start first is not its fault.
    const runs = this.#running.some((vm) => !vm.suspect);
    const place = this.#line.wait(runs ? timeoutMs : Math.max(timeoutMs, this.#wakeMs));
    this.#scale(span);
    return place;
  }

  #serveLine(): void {
    this.#line.serve(() => this.#takePlace());
    this.#scale();
  }

  /**
   * Starts as many VMs as the waiting invocations need, and no more than the function may have; for
   * `span`, whose invocation came last.
   */
  #scale(span?: Span): void {
    if (this.#line.length === 0 || this.#closing.signal.aborted || this.#revision === null) return;
    const staying = this.#pool.staying;
    // A VM that starts or is being examined will take some of those who wait.
    const coming = staying.filter((vm) => vm.state !== "running" || vm.suspect).length;
    const wanted = Math.max(1, Math.ceil(this.#line.length / this.#capacity)) - coming;
    const room = this.#settings.maxVms - staying.length;
    for (let n = 0; n < Math.min(wanted, room); n += 1) {
      void this.#startInBackground(this.#revision, span);
    }
  }

  async #startInBackground(revision: FunctionRevision, span?: Span): Promise<void> {
    try {
      const vm = await this.#start(revision, { signal: this.#closing.signal, span });
      await this.#bringUpToDate(vm);
      this.#serveLine();
    } catch (error) {
      // Its place was given to another when it was stopped.
      if (error instanceof VmStoppedError) return;
      const functionId = this.#settings.id;
      const facts = { ...span?.ids, functionId, error: messageOf(error) };
      this.#deps.log.warn(facts, "VM did not start");
      // Whoever waits learns why, unless another VM can still serve them.
      if (this.#pool.staying.length === 0) this.#line.rejectAll(error);
    }
  }

  /** A VM that somebody stopped meanwhile says nothing against the revision. */
  async #startUnlessRefused(revision: FunctionRevision, options: StartOptions): Promise<void> {
    try {
      await this.#start(revision, options);
    } catch (error) {
      if (!(error instanceof VmStoppedError)) throw error;
      await this.#startUnlessRefused(revision, options);
    }
  }

  /** A revision may have been rolled out while this VM was starting with the one before. */
  async #bringUpToDate(vm: FleetVm): Promise<void> {
    const current = this.#revision;
    if (current === null || vm.revision === current.revision) return;
    const fits = isHotChange(vm.spec, current);
    const { signal } = this.#closing;
    const outcome = fits ? await this.#pool.load(vm, this.#settings, current, { signal }) : "unfit";
    if (outcome !== "loaded") void this.#pool.retire(vm, "It has an older revision");
  }

  async #start(revision: FunctionRevision, options: StartOptions): Promise<FleetVm> {
    const signal = AbortSignal.any([options.signal, this.#closing.signal]);
    try {
      const vm = await this.#pool.start(this.#settings, revision, { ...options, signal });
      this.#backoff.succeeded();
      return vm;
    } catch (error) {
      if (blamesFunction(error)) this.#backoff.failed();
      throw error;
    }
  }
}

/** Whether a failed start says something against trying again soon. */
function blamesFunction(error: unknown): boolean {
  if (error instanceof VmStoppedError) return false;
  return !(error instanceof PlatformError && error.code === "host_full");
}

function timedOut(timeoutMs: number): GuestReply {
  return {
    status: "timeout",
    durationMs: timeoutMs,
    response: null,
    logs: [],
    failure: {
      message: `Function timed out after ${timeoutMs} ms`,
      type: "FunctionTimeout",
      stack: null,
    },
    revision: 0,
    replace: false,
  };
}
