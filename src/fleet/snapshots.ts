import type { Egress } from "../core/egress.ts";
import type { FunctionRevision } from "../core/function.ts";
import { type SnapshotConditions, type SnapshotKey, snapshotName } from "../core/snapshot.ts";
import type { VmSpec } from "../core/vm.ts";
import type { Semaphore } from "../lib/semaphore.ts";
import { SharedTasks } from "../lib/shared-tasks.ts";
import type { Clock } from "../ports/clock.ts";
import type { ImageCatalog } from "../ports/image-catalog.ts";
import type { Log } from "../ports/log.ts";
import type { RevisionBundle, RuntimeClient } from "../ports/runtime-client.ts";
import type { SnapshotStore, StoredSnapshot } from "../ports/snapshot-store.ts";
import type { VmDriver, VmSnapshots } from "../ports/vm-driver.ts";
import type { HostBudget } from "./host-budget.ts";
import { bundleOf } from "./load-code.ts";
import {
  snapshotRevision,
  snapshotRuntime,
  type TemplateDeps,
  type TemplateSpec,
} from "./template-vm.ts";
import type { StartOptions, VmOwner } from "./vm-starter.ts";

export interface SnapshotsDeps {
  readonly driver: VmDriver;
  readonly store: SnapshotStore;
  readonly images: ImageCatalog;
  readonly runtimeClient: RuntimeClient;
  readonly clock: Clock;
  readonly log: Log;
  readonly starts: Semaphore;
  readonly budget: HostBudget;
}

type VmSize = Pick<FunctionRevision, "vcpus" | "memoryMib">;
type VmKind = VmSize & { readonly runtime: string; readonly egress: Egress };

/** Finds the snapshot that VMs of a revision are cloned from, and makes it where there is none. */
export class Snapshots {
  readonly #deps: SnapshotsDeps;
  readonly #templates: TemplateDeps;
  readonly #making = new SharedTasks<StoredSnapshot>();

  constructor(deps: SnapshotsDeps, snapshots: VmSnapshots) {
    this.#deps = deps;
    this.#templates = { ...deps, snapshots };
  }

  /**
   * The snapshot of a revision, its code loaded. Rejects with `code_rejected` where it does not
   * load, and with whatever else keeps a VM from starting.
   */
  async ofRevision(
    owner: VmOwner,
    revision: FunctionRevision,
    { signal, onBooted }: StartOptions,
  ): Promise<StoredSnapshot> {
    const key = functionKey(owner, revision);
    return this.#findOrMake(key, { ...owner, ...revision }, signal, async (until) => {
      const { files } = await this.base(owner.runtime, revision, until);
      const bundle = bundleOf(owner, revision);
      return (spec) =>
        snapshotRevision({ spec, base: files, bundle, onBooted }, this.#templates, until);
    });
  }

  /** The snapshot of a booted runtime, before there is code of a function in it. */
  base(
    runtime: string,
    { vcpus, memoryMib }: VmSize,
    signal: AbortSignal,
  ): Promise<StoredSnapshot> {
    const key = { kind: "base", runtime, vcpus, memoryMib } as const;
    return this.#findOrMake(
      key,
      { runtime, vcpus, memoryMib, egress: "none" },
      signal,
      async (until) => {
        const rehearsal = await this.#rehearsal(runtime, memoryMib);
        return (spec) =>
          this.#deps.starts.run(
            () => snapshotRuntime(spec, rehearsal, this.#templates, until),
            until,
          );
      },
    );
  }

  /** Reads a revision's snapshot, if there is one, so that the first to need it need not wait for that. */
  async check(owner: VmOwner, revision: FunctionRevision): Promise<void> {
    const { conditions } = await this.#describe({ ...owner, ...revision });
    await this.#deps.store.find(functionKey(owner, revision), conditions);
  }

  /** Resolves when none is being made; called when all who wanted one have given up. */
  async close(): Promise<void> {
    await this.#making.settled();
  }

  /** Takes a snapshot whose clone did not come up out of use. */
  async discard({ key }: StoredSnapshot, reason: string): Promise<void> {
    await this.#deps.store.setAside(key, reason);
  }

  /** Removes a function's snapshots but that of one revision; null removes all. */
  async keepOnly(functionId: string, revision: number | null): Promise<void> {
    await this.#deps.store.keepOnly(functionId, revision);
  }

  /** `prepare` gets what is needed first; what it resolves to starts the VM and snapshots it. */
  async #findOrMake(
    key: SnapshotKey,
    wanted: VmKind,
    signal: AbortSignal,
    prepare: (signal: AbortSignal) => Promise<(spec: TemplateSpec) => Promise<void>>,
  ): Promise<StoredSnapshot> {
    const { budget, clock, log, store } = this.#deps;
    return this.#making.run(snapshotName(key), signal, async (until) => {
      const { spec, conditions } = await this.#describe(wanted);
      const found = await store.find(key, conditions);
      if (found !== null) return found;
      const startedMs = clock.monotonicMs();
      const make = await prepare(until);
      const made = await store.create(key, conditions, async (files) => {
        const share = await budget.acquire(wanted.memoryMib, until);
        try {
          await make({ ...spec, template: files });
          // Nobody wants it any more, and its function may be gone.
          until.throwIfAborted();
        } finally {
          share.release();
        }
      });
      const durationMs = Math.round(clock.monotonicMs() - startedMs);
      log.info({ snapshot: snapshotName(key), durationMs }, "Snapshot made");
      return made;
    });
  }

  /** A function that every runtime has: the one to start from. */
  async #rehearsal(runtime: string, memoryMib: number): Promise<RevisionBundle> {
    const runtimes = await this.#deps.images.list();
    const code = runtimes.find(({ name }) => name === runtime)?.template ?? "";
    return { revision: 1, functionName: "rehearsal", memoryMib, handler: "handler", code, env: {} };
  }

  async #describe({
    runtime,
    vcpus,
    memoryMib,
    egress,
  }: VmKind): Promise<{ spec: VmSpec; conditions: SnapshotConditions }> {
    const { clock, images } = this.#deps;
    const id = clock.newId();
    const image = await images.resolve(runtime);
    const name = `template-${runtime}-${id.slice(0, 8)}`;
    const spec = { id, name, functionId: "", image, vcpus, memoryMib, egress };
    return { spec, conditions: await this.#templates.snapshots.conditions(spec) };
  }
}

function functionKey({ id }: VmOwner, { revision }: FunctionRevision): SnapshotKey {
  return { kind: "function", functionId: id, revision };
}
