import { messageOf, PlatformError } from "../core/errors.ts";
import { wantedRevision, type FunctionRecord, type FunctionState } from "../core/function.ts";
import { failedOutcome, type Outcome } from "../core/outcome.ts";
import type { Span } from "../ports/telemetry.ts";
import type { DeployOrder } from "./deployments.ts";
import type { Platform } from "./platform.ts";

type Parts = Pick<Platform, "clock" | "fleets" | "log" | "registry" | "telemetry">;

/**
 * Makes the revision that a function's record asks for the one that serves. What goes wrong is
 * stored on the function; one that served before goes on serving.
 */
export async function deployFunction(
  platform: Parts,
  functionId: string,
  { signal, span: caller }: DeployOrder,
): Promise<void> {
  const record = platform.registry.find(functionId);
  if (record === undefined) return;
  const { clock, telemetry } = platform;
  const startedMs = clock.monotonicMs();
  const { name, revision, runtime } = record;
  const facts = { functionId, functionName: name, revision, runtime };
  await telemetry.follow("function.deploy", facts, caller, async (span) => {
    const outcome = await deploy(platform, record, { signal, span });
    telemetry.countDeploy(outcome, clock.monotonicMs() - startedMs);
  });
}

async function deploy(
  platform: Parts,
  record: FunctionRecord,
  { signal, span }: DeployOrder & { readonly span: Span },
): Promise<Outcome> {
  const { clock, log, registry } = platform;
  const { id: functionId } = record;
  const startedMs = clock.monotonicMs();
  const change = (fields: Partial<FunctionRecord>) =>
    registry.change(functionId, (now) => ({ ...now, ...fields, updatedAt: clock.now() }));
  const revision = wantedRevision(record);
  try {
    await rollOut(platform, record, { signal, span, enter: (state) => change({ state }) });
    await change({ state: "ready", deployed: revision, lastError: null });
    const ms = Math.round(clock.monotonicMs() - startedMs);
    const facts = { ...span.ids, functionId, revision: revision.revision, durationMs: ms };
    log.info(facts, "Function deployed");
    return "success";
  } catch (error) {
    // Whoever aborted, by a newer revision or a deletion, decides what becomes of the function.
    if (signal.aborted || registry.find(functionId) === undefined) return "cancelled";
    // The next start takes it up again.
    if (error instanceof PlatformError && error.code === "shutting_down") return "cancelled";
    const lastError = explain(error);
    const facts = { ...span.ids, functionId, revision: revision.revision, error: lastError };
    log.warn(facts, "Deploy failed");
    span.fail({ message: lastError, type: typeOf(error), stack: null });
    const state = record.deployed === null ? ("error" as const) : ("ready" as const);
    await registry.change(functionId, (now) =>
      // A newer revision, stored meanwhile, does not fail for this one.
      now.revision === record.revision ? { ...now, state, lastError, updatedAt: clock.now() } : now,
    );
    return failedOutcome(error);
  }
}

function typeOf(error: unknown): string {
  if (error instanceof PlatformError) return error.code;
  return error instanceof Error ? error.name : typeof error;
}

interface Rollout {
  readonly signal: AbortSignal;
  readonly span: Span;
  readonly enter: (state: FunctionState) => Promise<unknown>;
}

/** Only a function that has never served goes through the states; the others stay `ready`. */
async function rollOut(
  { fleets }: Pick<Platform, "fleets">,
  record: FunctionRecord,
  { signal, span, enter }: Rollout,
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
  await fleets.of(record).rollout(wantedRevision(record), { signal, span, onBooted });
  await entered;
}

/** What the function's owner reads, in the specification's words where it has some. */
function explain(error: unknown): string {
  const message = messageOf(error);
  const startFailed = error instanceof PlatformError && error.code === "vm_start_failed";
  return startFailed ? `Failed to create VM: ${message}` : message;
}
