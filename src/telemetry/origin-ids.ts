import { parseTraceparent, type TraceContext } from "../core/trace-context.ts";
import type { OriginIds } from "../ports/telemetry.ts";

/** What log lines say of a request that somebody traces, or nobody. */
export function originIds(requestId: string, trace: TraceContext | undefined): OriginIds {
  const traceId = trace && parseTraceparent(trace.traceparent)?.traceId;
  return traceId === undefined ? { requestId } : { requestId, traceId };
}
