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
import type { Span, Telemetry } from "../ports/telemetry.ts";
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
  readonly telemetry: Telemetry;
  readonly starts: Semaphore;
  readonly budget: HostBudget;
}

type VmSize = Pick<FunctionRevision, "vcpus" | "memoryMib">;
/** For whom a snapshot is wanted, and until when. */
type Want = Pick<StartOptions, "signal" | "span">;
type Work = { readonly signal: AbortSignal; readonly span: Span };
type VmKind = VmSize & { readonly runtime: string; readonly egress: Egress };

/** Gets what is needed first; what it resolves to starts the VM and snapshots it. */
type Prepare = (work: Work) => Promise<(spec: TemplateSpec) => Promise<void>>;

interface Making {
  readonly key: SnapshotKey;
  readonly conditions: SnapshotConditions;
  readonly spec: VmSpec;
  readonly prepare: Prepare;
}

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
    { onBooted, ...want }: StartOptions,
  ): Promise<StoredSnapshot> {
    const key = functionKey(owner, revision);
    return this.#findOrMake(key, { ...owner, ...revision }, want, async ({ signal, span }) => {
      const { files } = await this.base(owner.runtime, revision, { signal, span });
      const bundle = bundleOf(owner, revision);
      return (spec) =>
        snapshotRevision({ spec, base: files, bundle, onBooted, span }, this.#templates, signal);
    });
  }

  /** The snapshot of a booted runtime, before there is code of a function in it. */
  base(runtime: string, { vcpus, memoryMib }: VmSize, want: Want): Promise<StoredSnapshot> {
    const key = { kind: "base", runtime, vcpus, memoryMib } as const;
    return this.#findOrMake(
      key,
      { runtime, vcpus, memoryMib, egress: "none" },
      want,
      async ({ signal, span }) => {
        const rehearsal = await this.#rehearsal(runtime, memoryMib);
        return (spec) =>
          this.#deps.starts.run(
            () => snapshotRuntime({ spec, rehearsal, span }, this.#templates, signal),
            signal,
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

  /** Once for all who want it at the same time; it shows in the trace of the first. */
  #findOrMake(
    key: SnapshotKey,
    wanted: VmKind,
    { signal: wantedUntil, span: wantedBy }: Want,
    prepare: Prepare,
  ): Promise<StoredSnapshot> {
    const { telemetry } = this.#deps;
    const snapshot = snapshotName(key);
    return this.#making.run(snapshot, wantedUntil, (signal) =>
      telemetry.follow(`snapshot.${key.kind}`, { snapshot }, wantedBy, async (span) => {
        const { spec, conditions } = await this.#describe(wanted, span);
        const found = await this.#deps.store.find(key, conditions);
        span.note({ found: found !== null });
        return found ?? this.#make({ key, conditions, spec, prepare }, { signal, span });
      }),
    );
  }

  async #make({ key, conditions, spec, prepare }: Making, work: Work): Promise<StoredSnapshot> {
    const { budget, clock, log, store } = this.#deps;
    const startedMs = clock.monotonicMs();
    const make = await prepare(work);
    const made = await store.create(key, conditions, async (files) => {
      const share = await budget.acquire(spec.memoryMib, work.signal);
      try {
        await make({ ...spec, template: files });
        // Nobody wants it any more, and its function may be gone.
        work.signal.throwIfAborted();
      } finally {
        share.release();
      }
    });
    const durationMs = Math.round(clock.monotonicMs() - startedMs);
    log.info({ ...work.span.ids, snapshot: snapshotName(key), durationMs }, "Snapshot made");
    return made;
  }

  /** A function that every runtime has: the one to start from. */
  async #rehearsal(runtime: string, memoryMib: number): Promise<RevisionBundle> {
    const runtimes = await this.#deps.images.list();
    const code = runtimes.find(({ name }) => name === runtime)?.template ?? "";
    return { revision: 1, functionName: "rehearsal", memoryMib, handler: "handler", code, env: {} };
  }

  async #describe(
    { runtime, vcpus, memoryMib, egress }: VmKind,
    span?: Span,
  ): Promise<{ spec: VmSpec; conditions: SnapshotConditions }> {
    const { clock, images, telemetry } = this.#deps;
    const id = clock.newId();
    const image = await telemetry.follow("image.resolve", { runtime }, span, () =>
      images.resolve(runtime),
    );
    const name = `template-${runtime}-${id.slice(0, 8)}`;
    const spec = { id, name, functionId: "", image, vcpus, memoryMib, egress };
    return { spec, conditions: await this.#templates.snapshots.conditions(spec) };
  }
}

function functionKey({ id }: VmOwner, { revision }: FunctionRevision): SnapshotKey {
  return { kind: "function", functionId: id, revision };
}
