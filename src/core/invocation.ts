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
  readonly logs: readonly string[];
  readonly event: string;
  readonly response: string | null;
  readonly invokedAt: Date;
}
