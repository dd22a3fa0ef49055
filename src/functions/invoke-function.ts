import { messageOf, PlatformError, type ErrorCode } from "../core/errors.ts";
import { functionCan, type FunctionRecord } from "../core/function.ts";
import {
  invocationLimits,
  type InvocationRecord,
  type InvocationResult,
} from "../core/invocation.ts";
import { notReady } from "../fleet/waiting-line.ts";
import type { Span } from "../ports/telemetry.ts";
import { cutText } from "../lib/cut-text.ts";
import type { Platform } from "./platform.ts";

export interface InvokeCall {
  readonly requestId: string;
  /** Any JSON value; undefined is `{}`. */
  readonly event: unknown;
  /** The call that brought it. */
  readonly span?: Span | undefined;
}

/** Platform failures that belong into the function's history: its VM was, or should have been, at work. */
const recordedCodes: ReadonlySet<ErrorCode> = new Set([
  "vm_lost",
  "vm_start_failed",
  "code_rejected",
]);

/**
 * Runs a function once. A function that throws or is too slow has a result; rejects where the
 * platform could not run it: `function_not_found`, `function_in_error`, `function_not_ready`,
 * `queue_full`, `payload_too_large`, `vm_start_failed`, `vm_lost`, `shutting_down`.
 */
export function invokeFunction(
  platform: Platform,
  idOrName: string,
  call: InvokeCall,
): Promise<InvocationResult> {
  const { requestId } = call;
  return platform.telemetry.follow("function.invoke", { requestId }, call.span, async (span) => {
    try {
      return await invoke(platform, idOrName, { ...call, span });
    } catch (error) {
      platform.telemetry.countRefusal(error instanceof PlatformError ? error.code : "internal");
      throw error;
    }
  });
}

async function invoke(
  platform: Platform,
  idOrName: string,
  { requestId, event, span }: InvokeCall & { readonly span: Span },
): Promise<InvocationResult> {
  const arrivedMs = platform.clock.monotonicMs();
  const known = platform.registry.get(idOrName);
  span.note({ functionId: known.id, functionName: known.name });
  const record =
    functionCan("invoke", known.state) === "now" ? known : await whenReady(platform, known);
  const invokedAt = platform.clock.now();
  const eventJson = toJson(event === undefined ? {} : event);
  const attempt = { record, requestId, eventJson, invokedAt, arrivedMs };
  try {
    const { timeoutMs } = record;
    const traceparent = span.context?.traceparent;
    const invocation = { requestId, eventJson, timeoutMs, traceparent, span };
    const reply = await platform.fleets.of(record).invoke(invocation);
    const result: InvocationResult = { requestId, ...reply };
    span.note({ vmId: reply.vmId, coldStart: reply.coldStart, handlerMs: reply.durationMs });
    if (reply.failure !== null) span.fail(reply.failure);
    keep(platform, attempt, result);
    return result;
  } catch (error) {
    if (error instanceof PlatformError && recordedCodes.has(error.code)) {
      const facts = { ...span.ids, requestId, functionId: record.id, error: error.message };
      platform.log.warn(facts, "Invocation failed");
      keep(platform, attempt, lostResult(platform, attempt, error));
    }
    throw error;
  }
}

interface Attempt {
  readonly record: FunctionRecord;
  readonly requestId: string;
  readonly eventJson: string;
  readonly invokedAt: Date;
  /** Monotonic time. */
  readonly arrivedMs: number;
}

/** Waits for the deploy under way, at most the function's own timeout. */
async function whenReady(platform: Platform, record: FunctionRecord): Promise<FunctionRecord> {
  if (functionCan("invoke", record.state) === "wait") await deployEnds(platform, record);
  const now = platform.registry.get(record.id);
  switch (functionCan("invoke", now.state)) {
    case "now":
      return now;
    case "wait":
      throw notReady();
    case "refuse":
      throw new PlatformError(
        "function_in_error",
        `Cannot invoke function "${now.name}": its deploy failed: ${now.lastError}`,
      );
  }
}

async function deployEnds(platform: Platform, record: FunctionRecord): Promise<void> {
  await new Promise<void>((resolve) => {
    const deadline = platform.clock.after(record.timeoutMs, resolve);
    void platform.deployments.settled(record.id).then(() => {
      deadline.cancel();
      resolve();
    });
  });
}

function toJson(event: unknown): string {
  const json = JSON.stringify(event);
  const bytes = Buffer.byteLength(json);
  if (bytes > invocationLimits.payloadBytes) {
    throw new PlatformError(
      "payload_too_large",
      `Event is too large: found ${bytes} bytes, want at most ${invocationLimits.payloadBytes}`,
    );
  }
  return json;
}

function keep(
  platform: Platform,
  attempt: Attempt,
  result: Omit<InvocationResult, "vmId"> & { vmId: string | null },
): void {
  const { record, requestId, eventJson, invokedAt } = attempt;
  const { stack = null } = result.failure ?? {};
  const kept: InvocationRecord = {
    id: platform.clock.newId(),
    functionId: record.id,
    requestId,
    status: result.status,
    durationMs: result.durationMs,
    coldStart: result.coldStart,
    vmId: result.vmId,
    error: result.failure?.message ?? null,
    errorType: result.failure?.type ?? null,
    stack: stack === null ? null : cutText(stack, invocationLimits.historyBytes),
    logs: result.logs,
    event: cutText(eventJson, invocationLimits.historyBytes),
    response:
      result.status === "success"
        ? cutText(JSON.stringify(result.response), invocationLimits.historyBytes)
        : null,
    invokedAt,
  };
  platform.recorder.add(kept);
  platform.registry.noteInvoked(record.id, invokedAt);
  count(platform, attempt, result);
}

/** Under the name that the function has now, so that none is counted that is gone. */
function count(
  { clock, registry, telemetry }: Platform,
  { arrivedMs, record }: Attempt,
  { status, durationMs, coldStart }: Pick<InvocationResult, "status" | "durationMs" | "coldStart">,
): void {
  const functionName = registry.nameOf(record.id);
  if (functionName === undefined) return;
  const totalMs = clock.monotonicMs() - arrivedMs;
  telemetry.countInvocation({ functionName, status, handlerMs: durationMs, totalMs, coldStart });
}

/** What the history shows of an invocation that the platform could not see through. */
function lostResult(platform: Platform, attempt: Attempt, error: PlatformError) {
  return {
    requestId: attempt.requestId,
    status: "error" as const,
    durationMs: platform.clock.now().getTime() - attempt.invokedAt.getTime(),
    response: null,
    logs: [],
    failure: { message: messageOf(error), type: error.code, stack: null },
    vmId: null,
    coldStart: false,
  };
}
