export const invocationStatuses = ["success", "error", "timeout"] as const;
export type InvocationStatus = (typeof invocationStatuses)[number];

/** Limits of one invocation, in bytes of UTF-8. */
export const invocationLimits = {
  /** Largest event and largest response. */
  payloadBytes: 6 * 1024 * 1024,
  /** Logs kept of one invocation; what follows is cut, with a mark. */
  logBytes: 256 * 1024,
  /** How much of event and response the invocation history keeps. */
  historyBytes: 8 * 1024,
} as const;

/** What a function answered. A function that throws or is too slow has a result too. */
export interface InvocationResult {
  readonly requestId: string;
  readonly status: InvocationStatus;
  /** Time in the handler, as the guest measured it. */
  readonly durationMs: number;
  /** The handler's JSON value; null unless `status` is `success`. */
  readonly response: unknown;
  readonly logs: readonly string[];
  /** Set unless `status` is `success`. */
  readonly failure: InvocationFailure | null;
  readonly vmId: string;
  /** Whether a VM had to be started for this invocation. */
  readonly coldStart: boolean;
}

export interface InvocationFailure {
  readonly message: string;
  /** The class of the exception, or one of the runtime protocol's own types. */
  readonly type: string;
  readonly stack: string | null;
}

/** One line of a function's invocation history. `event` and `response` are JSON text, cut. */
export interface InvocationRecord {
  readonly id: string;
  readonly functionId: string;
  readonly requestId: string;
  readonly status: InvocationStatus;
  readonly durationMs: number;
  readonly coldStart: boolean;
  readonly vmId: string | null;
  readonly error: string | null;
  readonly errorType: string | null;
  /** Where it threw, cut; null where it did not, or nobody knows. */
  readonly stack: string | null;
  readonly logs: readonly string[];
  readonly event: string;
  readonly response: string | null;
  readonly invokedAt: Date;
}

/** Which invocations are wanted of a function: everything that is given has to hold. */
export interface InvocationFilter {
  readonly status?: InvocationStatus | undefined;
  readonly requestId?: string | undefined;
  /** Text in one of the log lines or in the error, as it is but for capitals. */
  readonly text?: string | undefined;
  readonly coldStart?: boolean | undefined;
  readonly vmId?: string | undefined;
  readonly minDurationMs?: number | undefined;
}

/** Whether an invocation is wanted. */
export function matches(record: InvocationRecord, filter: InvocationFilter): boolean {
  const { status, requestId, text, coldStart, vmId, minDurationMs } = filter;
  return (
    (status === undefined || record.status === status) &&
    (requestId === undefined || record.requestId === requestId) &&
    (coldStart === undefined || record.coldStart === coldStart) &&
    (vmId === undefined || record.vmId === vmId) &&
    (minDurationMs === undefined || record.durationMs >= minDurationMs) &&
    (text === undefined || mentions(record, text))
  );
}

/** Whether the text is in one of an invocation's log lines or in its error, capitals or not. */
export function mentions(
  { logs, error }: Pick<InvocationRecord, "logs" | "error">,
  text: string,
): boolean {
  const wanted = text.toLowerCase();
  const has = (line: string) => line.toLowerCase().includes(wanted);
  return logs.some(has) || (error !== null && has(error));
}

/** The stretches of time that statistics are asked for, the step that runs now included. */
export const statisticsWindows = {
  "1h": { stepMs: 60_000, steps: 60 },
  "24h": { stepMs: 15 * 60_000, steps: 96 },
  "7d": { stepMs: 3_600_000, steps: 168 },
} as const;

export type StatisticsWindow = keyof typeof statisticsWindows;

/** One function's invocations that began in one hour. */
export interface HourCount {
  readonly functionId: string;
  /** When the hour begins. */
  readonly at: Date;
  readonly success: number;
  readonly error: number;
  readonly timeout: number;
  readonly coldStarts: number;
}

/** Invocations of a stretch of time, counted; durations are of all of them, however they ended. */
export interface InvocationFigures {
  readonly total: number;
  readonly success: number;
  readonly error: number;
  readonly timeout: number;
  readonly coldStarts: number;
  /** Like the percentiles null where there was no invocation. */
  readonly averageMs: number | null;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
}

export interface InvocationStatistics extends InvocationFigures {
  /** An entry for every step, those without an invocation too, the oldest first. */
  readonly series: readonly (InvocationFigures & { readonly at: Date })[];
}
