import type { SnapshotFiles } from "../core/snapshot.ts";
import type { VmSpec } from "../core/vm.ts";
import type { GuestConnection, RevisionBundle } from "../ports/runtime-client.ts";
import type { Span, Telemetry } from "../ports/telemetry.ts";
import type { VmDriver } from "../ports/vm-driver.ts";
import { loadFirst } from "./load-code.ts";
import { unlessGone, wakeClone, wakeServer, type WakeDeps } from "./wake-clone.ts";

export interface TemplateDeps extends WakeDeps {
  readonly driver: VmDriver;
  readonly telemetry: Telemetry;
}

/** A VM whose snapshot goes to the files that it names. */
export type TemplateSpec = VmSpec & { readonly template: SnapshotFiles };

/** How long a guest that runs may take to stand still. */
const freezeLimitMs = 10_000;
const rehearsalLimitMs = 20_000;

export interface RuntimeTemplate {
  readonly spec: TemplateSpec;
  /** Code for its server to go through everything with. */
  readonly rehearsal: RevisionBundle;
  readonly span?: Span | undefined;
}

/**
 * Boots a runtime and writes its snapshot. Its server has been through everything once that its
 * clones will do, with `rehearsal` for code, so that what is compiled at its first use is compiled.
 * Rejects with `vm_start_failed` or `vm_lost`.
 */
export async function snapshotRuntime(
  { spec, rehearsal, span }: RuntimeTemplate,
  deps: TemplateDeps,
  signal: AbortSignal,
): Promise<void> {
  const { clock, driver, runtimeClient, telemetry } = deps;
  const facts = { vmId: spec.id, vmName: spec.name };
  await using undo = new AsyncDisposableStack();
  const vm = await telemetry.follow("vm.boot", facts, span, () => driver.boot(spec, signal));
  undo.defer(() => driver.destroy(vm.id));
  const booted = runtimeClient.connect(vm.address);
  undo.defer(() => booted.close());
  const limit = AbortSignal.any([signal, AbortSignal.timeout(rehearsalLimitMs)]);
  await unlessGone(vm, spec.name, booted.adopt(clock.newToken(), spec.name, limit));
  await rehearse(booted, rehearsal, limit);
  await freeze(vm.id, booted, deps, signal);
  const woken = await wakeServer(vm, spec.name, deps, limit);
  undo.defer(() => woken.close());
  await freeze(vm.id, woken, deps, signal);
  await telemetry.follow("snapshot.write", facts, span, () => deps.snapshots.take(vm.id, signal));
}

async function rehearse(
  connection: GuestConnection,
  rehearsal: RevisionBundle,
  signal: AbortSignal,
): Promise<void> {
  const { loaded } = await connection.load(rehearsal, signal);
  for (const requestId of loaded ? ["first", "second"] : []) {
    const invocation = { requestId, eventJson: "{}", timeoutMs: rehearsalLimitMs };
    await connection.invoke(invocation, signal);
  }
}

export interface FunctionTemplate {
  readonly spec: TemplateSpec;
  /** What it starts from. */
  readonly base: SnapshotFiles;
  readonly bundle: RevisionBundle;
  /** Called when it runs and the code goes in. */
  readonly onBooted?: (() => void) | undefined;
  readonly span?: Span | undefined;
}

/**
 * Restores a runtime, loads a revision into it and writes the snapshot of that. Rejects with
 * `code_rejected` where the code does not load, and with `vm_start_failed` or `vm_lost`.
 */
export async function snapshotRevision(
  { spec, base, bundle, onBooted, span }: FunctionTemplate,
  deps: TemplateDeps,
  signal: AbortSignal,
): Promise<void> {
  const { driver, snapshots, telemetry } = deps;
  const facts = { vmId: spec.id, vmName: spec.name };
  await using undo = new AsyncDisposableStack();
  const vm = await telemetry.follow("vm.restore", facts, span, () =>
    snapshots.restore(spec, base, signal),
  );
  undo.defer(() => driver.destroy(vm.id));
  const connection = await telemetry.follow("vm.wake", facts, span, () =>
    wakeClone(vm, spec.name, deps, signal),
  );
  undo.defer(() => connection.close());
  onBooted?.();
  await telemetry.follow("code.load", { ...facts, revision: bundle.revision }, span, async () => {
    await loadFirst(connection, bundle, signal);
    await connection.quiesce(signal);
  });
  await telemetry.follow("snapshot.write", facts, span, async () => {
    await freeze(vm.id, connection, deps, signal);
    await snapshots.take(vm.id, signal);
  });
}

/** Brings a runtime server to stand still. */
async function freeze(
  vmId: string,
  connection: GuestConnection,
  { snapshots, runtimeClient }: TemplateDeps,
  signal: AbortSignal,
): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(freezeLimitMs)]);
  const frozen = connection.freeze(limit);
  await Promise.all([frozen, snapshots.tell(vmId, runtimeClient.clockBack())]);
  await connection.close();
}
