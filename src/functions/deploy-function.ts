import { messageOf, PlatformError } from "../core/errors.ts";
import { wantedRevision, type FunctionRecord, type FunctionState } from "../core/function.ts";
import type { Platform } from "./platform.ts";

/**
 * Makes the revision that a function's record asks for the one that serves. What goes wrong is
 * stored on the function; one that served before goes on serving.
 */
export async function deployFunction(
  platform: Pick<Platform, "clock" | "fleets" | "log" | "registry">,
  functionId: string,
  signal: AbortSignal,
): Promise<void> {
  const record = platform.registry.find(functionId);
  if (record === undefined) return;
  const { clock, log, registry } = platform;
  const startedMs = clock.monotonicMs();
  const change = (fields: Partial<FunctionRecord>) =>
    registry.change(functionId, (now) => ({ ...now, ...fields, updatedAt: clock.now() }));
  const revision = wantedRevision(record);
  try {
    await rollOut(platform, record, { signal, enter: (state) => change({ state }) });
    await change({ state: "ready", deployed: revision, lastError: null });
    const ms = Math.round(clock.monotonicMs() - startedMs);
    log.info({ functionId, revision: revision.revision, durationMs: ms }, "Function deployed");
  } catch (error) {
    // Whoever aborted, by a newer revision or a deletion, decides what becomes of the function.
    if (signal.aborted || registry.find(functionId) === undefined) return;
    // The next start takes it up again.
    if (error instanceof PlatformError && error.code === "shutting_down") return;
    const lastError = explain(error);
    log.warn({ functionId, revision: revision.revision, error: lastError }, "Deploy failed");
    const state = record.deployed === null ? ("error" as const) : ("ready" as const);
    await registry.change(functionId, (now) =>
      // A newer revision, stored meanwhile, does not fail for this one.
      now.revision === record.revision ? { ...now, state, lastError, updatedAt: clock.now() } : now,
    );
  }
}

interface Rollout {
  readonly signal: AbortSignal;
  readonly enter: (state: FunctionState) => Promise<unknown>;
}

/** Only a function that has never served goes through the states; the others stay `ready`. */
async function rollOut(
  { fleets }: Pick<Platform, "fleets">,
  record: FunctionRecord,
  { signal, enter }: Rollout,
): Promise<void> {
  const isFirst = record.deployed === null;
  if (isFirst) await enter("booting");
  signal.throwIfAborted();
  let entered: Promise<unknown> = Promise.resolve();
  const onBooted = () => {
    if (!isFirst) return;
    entered = enter("deploying");
    // It is looked at when the rollout has ended; until then nobody may take it for unhandled.
    entered.catch(() => undefined);
  };
  await fleets.of(record).rollout(wantedRevision(record), { signal, onBooted });
  await entered;
}

/** What the function's owner reads, in the specification's words where it has some. */
function explain(error: unknown): string {
  const message = messageOf(error);
  const startFailed = error instanceof PlatformError && error.code === "vm_start_failed";
  return startFailed ? `Failed to create VM: ${message}` : message;
}
