import { PlatformError } from "../../src/core/errors.ts";
import type { GuestAddress, VmSpec } from "../../src/core/vm.ts";
import type {
  GuestConnection,
  GuestInvocation,
  GuestReply,
  LoadOutcome,
  RevisionBundle,
  RuntimeClient,
  Wake,
} from "../../src/ports/runtime-client.ts";
import type { SnapshotFiles } from "../../src/core/snapshot.ts";
import type {
  AgentLine,
  PausedVm,
  RunningVm,
  VmDriver,
  VmExit,
  VmmUse,
  VmProbe,
} from "../../src/ports/vm-driver.ts";

/** One VM of `FakeVms`, for tests to look into and to break. */
export class FakeVm {
  readonly spec: VmSpec;
  revision = 0;
  /** Whether `/health` would be answered. */
  alive = true;
  /** What it takes of its host. */
  use: VmmUse = { cpuMs: 0, memoryBytes: 64 * 2 ** 20, network: null, disk: null };
  /** What the newest invocation was told of its trace. */
  traceparent: string | undefined;
  readonly exited: Promise<VmExit>;
  readonly #calls = new Map<string, (reply: GuestReply | Error) => void>();
  #exit: (exit: VmExit) => void = () => undefined;

  constructor(spec: VmSpec) {
    this.spec = spec;
    this.exited = new Promise((resolve) => {
      this.#exit = resolve;
    });
  }

  /** Request ids of the invocations that wait for an answer. */
  get running(): string[] {
    return [...this.#calls.keys()];
  }

  invoke({ requestId, traceparent }: GuestInvocation, signal: AbortSignal): Promise<GuestReply> {
    this.traceparent = traceparent;
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as Error));
      this.#calls.set(requestId, (reply) =>
        reply instanceof Error ? reject(reply) : resolve(reply),
      );
    });
  }

  answer(requestId: string, fields: Partial<GuestReply> = {}): void {
    const call = this.#calls.get(requestId);
    if (call === undefined) throw new Error(`No invocation ${requestId} runs in this VM`);
    this.#calls.delete(requestId);
    call({
      status: "success",
      durationMs: 1,
      response: null,
      logs: [],
      failure: null,
      revision: this.revision,
      replace: false,
      ...fields,
    });
  }

  loseCalls(): void {
    for (const call of this.#calls.values()) call(new PlatformError("vm_lost", "Lost the VM"));
    this.#calls.clear();
  }

  /** Ends as if the VMM had crashed. */
  crash(): void {
    this.end({ code: 1, signal: null, detail: "crashed" });
  }

  end(exit: VmExit): void {
    this.#exit(exit);
    this.loseCalls();
  }
}

const success: LoadOutcome = { loaded: true, logs: [] };

/** A driver and a runtime client whose VMs exist in memory only and do what a test says. */
export class FakeVms implements VmDriver, RuntimeClient {
  readonly kind = "process" as const;
  readonly capabilities = new Set(["agent", "metrics"] as const);
  /** What the next restores do; they succeed at once unless told otherwise. */
  restoreWith: (spec: VmSpec, signal: AbortSignal) => Promise<void> = () => Promise.resolve();
  /** What the next clones do when they are asked for their identity, and where their clock stands. */
  confirmWith: (wake: Wake) => Promise<Date> = ({ now }) => Promise.resolve(now);
  restores = 0;
  /** How often a clone was told the time again. */
  clockMessages = 0;
  /** The revision in each snapshot that was taken, by its memory file. */
  readonly #snapshots = new Map<string, number>();
  readonly vms = new Map<string, FakeVm>();
  readonly destroyed: string[] = [];
  boots = 0;
  /** What the next boots do; they succeed at once unless told otherwise. */
  bootWith: (spec: VmSpec, signal: AbortSignal) => Promise<void> = () => Promise.resolve();
  adoptWith: (signal: AbortSignal) => Promise<void> = () => Promise.resolve();
  loadWith: (bundle: RevisionBundle, signal: AbortSignal) => LoadOutcome | Promise<LoadOutcome> =
    () => ({ loaded: true, logs: [] });

  /** The only VM there is. */
  get only(): FakeVm {
    const [vm, ...others] = this.vms.values();
    if (vm === undefined || others.length > 0)
      throw new Error(`Found ${this.vms.size} VMs, want 1`);
    return vm;
  }

  /** The driver's part for snapshots, which a fleet uses where it is given a store for them. */
  readonly snapshots = {
    conditions: () => Promise.resolve({ vmm: "fake" }),
    take: (vmId: string) => {
      const vm = this.vms.get(vmId);
      const memory = vm?.spec.template?.memory;
      if (vm === undefined || memory === undefined) throw new Error(`No template ${vmId}`);
      this.#snapshots.set(memory, vm.revision);
      this.vms.delete(vmId);
      return Promise.resolve();
    },
    restore: async (
      spec: VmSpec,
      { memory }: SnapshotFiles,
      signal: AbortSignal,
    ): Promise<PausedVm> => {
      this.restores += 1;
      await this.restoreWith(spec, signal);
      const vm = this.#add(spec);
      vm.revision = this.#snapshots.get(memory) ?? 0;
      return { ...this.#running(vm), resume: () => Promise.resolve() };
    },
    tell: () => Promise.resolve(),
  };

  probe(): Promise<VmProbe> {
    return Promise.resolve({
      usable: true,
      version: "fake",
      accelerator: "none",
      isolation: "none",
      notes: [],
    });
  }

  async boot(spec: VmSpec, signal: AbortSignal): Promise<RunningVm> {
    this.boots += 1;
    await this.bootWith(spec, signal);
    return this.#running(this.#add(spec));
  }

  #add(spec: VmSpec): FakeVm {
    const vm = new FakeVm(spec);
    this.vms.set(spec.id, vm);
    return vm;
  }

  #running({ spec, exited }: FakeVm): RunningVm {
    const address = { host: spec.id, port: 3000 };
    return { id: spec.id, address, pid: 1, startedAt: new Date(0), exited };
  }

  clockBack(): Uint8Array {
    return new Uint8Array();
  }

  wake(_wake: Wake): Uint8Array {
    return new Uint8Array();
  }

  clock(_now: Date): Uint8Array {
    this.clockMessages += 1;
    return new Uint8Array();
  }

  destroy(vmId: string): Promise<void> {
    this.destroyed.push(vmId);
    this.vms.get(vmId)?.end({ code: 0, signal: null, detail: "destroyed" });
    this.vms.delete(vmId);
    return Promise.resolve();
  }

  measure(vmId: string): Promise<VmmUse> {
    const vm = this.vms.get(vmId);
    if (vm === undefined) return Promise.reject(new PlatformError("vm_lost", `No VM ${vmId}`));
    return Promise.resolve(vm.use);
  }

  /** It leads nowhere: `FakeAgents` are there already. */
  agentLine(vmId: string): AgentLine | undefined {
    if (!this.vms.has(vmId)) return undefined;
    return { send: () => Promise.resolve(), receive() {}, close() {} };
  }

  list(): Promise<readonly string[]> {
    return Promise.resolve([...this.vms.keys()]);
  }

  connect({ host }: GuestAddress): GuestConnection {
    const vm = this.vms.get(host);
    if (vm === undefined) throw new Error(`No VM ${host}`);
    return {
      adopt: (_token, _instance, signal) => this.adoptWith(signal),
      load: async (bundle, signal) => {
        const isTest = bundle.functionName !== "rehearsal";
        const outcome = isTest ? await this.loadWith(bundle, signal) : success;
        if (outcome.loaded) vm.revision = bundle.revision;
        return outcome;
      },
      quiesce: () => Promise.resolve(),
      freeze: () => Promise.resolve(),
      confirm: (wake) => this.confirmWith(wake),
      invoke: (invocation, signal) => {
        const reply = vm.invoke(invocation, signal);
        // Nobody but the platform invokes a VM that will be snapshotted.
        if (vm.spec.template !== undefined) vm.answer(invocation.requestId);
        return reply;
      },
      isAlive: () => Promise.resolve(vm.alive && this.vms.has(host)),
      close: () => {
        vm.loseCalls();
        return Promise.resolve();
      },
    };
  }
}
