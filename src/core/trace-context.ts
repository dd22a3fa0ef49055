/** A place in somebody's trace, as W3C Trace Context writes it (https://www.w3.org/TR/trace-context/). */
export interface TraceContext {
  /** `<version>-<trace id>-<parent id>-<flags>`, valid. */
  readonly traceparent: string;
  /** What tracing systems say of it, as it came; undefined where nobody said anything. */
  readonly tracestate: string | undefined;
}

/** The parts of a `traceparent`. */
export interface TraceParent {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits: the span that called. */
  readonly parentId: string;
  readonly sampled: boolean;
}

const pattern =
  /^(?<version>[\da-f]{2})-(?<traceId>[\da-f]{32})-(?<parentId>[\da-f]{16})-(?<flags>[\da-f]{2})(?<more>-.*)?$/;

/** Undefined for what section 3.2 of the recommendation calls invalid. */
export function parseTraceparent(text: string): TraceParent | undefined {
  const parts = pattern.exec(text)?.groups;
  if (parts === undefined) return undefined;
  const { version, traceId = "", parentId = "", flags = "", more } = parts;
  // Version 0 has no more parts than these; later ones may.
  if (version === "ff" || (version === "00" && more !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(parentId)) return undefined;
  return { traceId, parentId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** What a caller's headers say; undefined, and `tracestate` not looked at, where `traceparent` is invalid. */
export function readTraceContext(
  traceparent: string | undefined,
  tracestate: string | undefined,
): TraceContext | undefined {
  if (traceparent === undefined || parseTraceparent(traceparent) === undefined) return undefined;
  return { traceparent, tracestate };
}
