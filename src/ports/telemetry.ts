import type { ErrorCode } from "../core/errors.ts";
import type { FunctionState } from "../core/function.ts";
import type { InvocationStatus } from "../core/invocation.ts";
import type { Outcome } from "../core/outcome.ts";
import type { TraceContext } from "../core/trace-context.ts";
import type { VmOrigin, VmState } from "../core/vm.ts";
import type { SnapshotUse } from "./snapshot-store.ts";

/** What is done for somebody, and shows in a trace as a span. */
export type StepName =
  | "function.create"
  | "function.deploy"
  | "function.invoke"
  | "vm.start"
  | "vm.boot"
  | "vm.restore"
  | "vm.wake"
  | "image.resolve"
  | "code.load"
  | "snapshot.base"
  | "snapshot.function"
  | "snapshot.write";

/** What is known of a step, at its beginning or later. */
export interface StepFacts {
  readonly functionId?: string;
  readonly functionName?: string;
  readonly requestId?: string;
  readonly revision?: number;
  readonly runtime?: string;
  readonly vmId?: string;
  readonly vmName?: string;
  readonly way?: VmOrigin;
  /** Whether an invocation had to wait for a VM to start. */
  readonly coldStart?: boolean;
  /** Time in the handler, as the guest measured it. */
  readonly handlerMs?: number;
  readonly snapshot?: string;
  /** Whether the snapshot was there already. */
  readonly found?: boolean;
}

/** What goes wrong in a step: an error, or a function's failure. */
export interface StepFailure {
  readonly message: string;
  /** A class, or a stable code. */
  readonly type: string;
  readonly stack: string | null;
}

/** For log lines: the request that asked for something, and the trace that it is in, where they exist. */
export interface OriginIds {
  readonly requestId?: string;
  readonly traceId?: string;
}

/** Something that is under way. */
export interface Span {
  readonly ids: OriginIds;
  /** What whoever works on it further is told; undefined where nobody traces it. */
  readonly context: TraceContext | undefined;
  note(facts: StepFacts): void;
  /** Records that it failed, where it does not reject. */
  fail(failure: StepFailure): void;
}

/** A call of the API, until it is answered. */
export interface CallSpan extends Span {
  /** Ends it; undefined where the caller had gone before its answer. Absent where nobody records it. */
  readonly answered?: (status: number | undefined) => void;
}

/** A call of the API, as it came in. */
export interface ReceivedCall {
  readonly requestId: string;
  readonly method: string;
  /** With `:id` where a call names a function. */
  readonly route: string;
  readonly path: string;
  /** The name and the port that it was sent to. */
  readonly host: string;
  /** The address that it came from. */
  readonly client: string;
  readonly userAgent: string | undefined;
  readonly caller: TraceContext | undefined;
}

export interface InvocationFigures {
  readonly functionName: string;
  readonly status: InvocationStatus;
  /** Time in the handler. */
  readonly handlerMs: number;
  /** From the call's arrival until its result was there, waiting and starting included. */
  readonly totalMs: number;
  readonly coldStart: boolean;
}

/** How things stand at one moment. */
export interface PlatformFigures {
  readonly functions: Readonly<Record<FunctionState, number>>;
  readonly vms: Readonly<Record<VmState, number>>;
  /** Invocations that wait for a VM, by the name of each function that has a fleet. */
  readonly queues: ReadonlyMap<string, number>;
  /** How many of one function may wait. */
  readonly queueLimit: number;
  readonly host: {
    readonly vms: number;
    readonly vmsLimit: number;
    readonly promisedBytes: number;
    readonly promisedBytesLimit: number;
    /** VMs that wait for room. */
    readonly waiting: number;
  };
  readonly snapshots: SnapshotUse;
  /** Invocation records that wait to be written, and those that never will be, since the start. */
  readonly history: { readonly waiting: number; readonly dropped: number };
}

/** A page of metrics, for a system that reads them. */
export interface MetricsPage {
  readonly contentType: string;
  readonly text: string;
}

/**
 * Tells other systems what happens here: as metrics, which they fetch, and as traces, which are
 * sent where that is set up. Nothing of it waits, and nothing fails for it.
 */
export interface Telemetry {
  /** Begins the span of a call of the API, which continues its caller's trace. */
  receive(call: ReceivedCall): CallSpan;
  /**
   * Does a part of something in a span of its own, which begins at once and ends with `work`; what
   * that rejects with is recorded, and passed on. Without a parent it is nobody's part.
   */
  follow<T>(
    name: StepName,
    facts: StepFacts,
    parent: Span | undefined,
    work: (span: Span) => Promise<T>,
  ): Promise<T>;
  countInvocation(figures: InvocationFigures): void;
  /** An invocation ended with an error of the platform instead of a result. */
  countRefusal(code: ErrorCode): void;
  countVmStart(way: VmOrigin, outcome: Outcome, durationMs: number): void;
  countDeploy(outcome: Outcome, durationMs: number): void;
  /** Drops what was counted under the name of a function that is gone, or has another now. */
  forgetFunction(functionName: string): void;
  readMetrics(figures: PlatformFigures): Promise<MetricsPage>;
  /** Sends what is left, for two seconds at most. Never rejects. */
  close(): Promise<void>;
}
