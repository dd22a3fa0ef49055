import {
  createTraceState,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Context,
  type Span as ApiSpan,
  type Tracer as ApiTracer,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { messageOf, PlatformError } from "../core/errors.ts";
import { parseTraceparent, type TraceContext } from "../core/trace-context.ts";
import type { Log } from "../ports/log.ts";
import type {
  CallSpan,
  OriginIds,
  ReceivedCall,
  Span,
  StepFacts,
  StepFailure,
  StepName,
} from "../ports/telemetry.ts";
import { ReportingExporter } from "./reporting-exporter.ts";
import { callAttributes, toAttributes } from "./span-attributes.ts";
import type { Tracer } from "./untraced.ts";

export interface OtlpSettings {
  /** Where a collector takes OTLP over HTTP; `/v1/traces` is added. */
  readonly endpoint: string;
  /** The part of the traces that begin here which is recorded, from 0 to 1. */
  readonly ratio: number;
  readonly version: string;
  readonly log: Log;
}

/** Spans that may wait to be sent, about a kilobyte each; what comes beyond them is dropped. */
const queueLength = 8_192;
const batchLength = 512;
const sendEveryMs = 1_000;

/** How long a collector may take for a batch, tries again included; and what is left, at the end. */
const sendLimitMs = 2_000;

/** Records spans with OpenTelemetry's SDK, and sends them to a collector in the background. */
export class OtlpTracer implements Tracer {
  readonly #provider: TracerProvider;
  readonly #tracer: ApiTracer;

  constructor({ endpoint, ratio, version, log }: OtlpSettings) {
    const url = `${endpoint.replace(/\/+$/, "")}/v1/traces`;
    const sender = new OTLPTraceExporter({ url, timeoutMillis: sendLimitMs });
    const named = { "service.name": "firelet", "service.version": version };
    this.#provider = new TracerProvider({
      // The operator's own OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before ours.
      resource: defaultResource()
        .merge(resourceFromAttributes(named))
        .merge(detectResources({ detectors: [envDetector] })),
      sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
      spanProcessors: [
        new BatchSpanProcessor({
          exporter: new ReportingExporter(sender, { url, log }),
          maxQueueSize: queueLength,
          maxExportBatchSize: batchLength,
          scheduledDelayMillis: sendEveryMs,
          exportTimeoutMillis: 2 * sendLimitMs,
        }),
      ],
    });
    this.#tracer = this.#provider.getTracer("firelet", version);
  }

  receive(call: ReceivedCall): CallSpan {
    const name = `${call.method} ${call.route}`;
    const above = remoteContext(call.caller);
    const span = this.#tracer.startSpan(name, { kind: SpanKind.SERVER }, above);
    const ids = { requestId: call.requestId };
    if (!span.isRecording()) return passedOn(span, ids);
    span.setAttributes(callAttributes(call));
    return new RecordedSpan(span, ids);
  }

  async follow<T>(
    name: StepName,
    facts: StepFacts,
    parent: Span | undefined,
    work: (span: Span) => Promise<T>,
  ): Promise<T> {
    // What is part of something that is not recorded is not either.
    if (parent !== undefined && !(parent instanceof RecordedSpan)) return work(parent);
    const above = parent?.inContext() ?? ROOT_CONTEXT;
    const begun = this.#tracer.startSpan(name, natureOf[name], above);
    if (!begun.isRecording()) return work(passedOn(begun, {}));
    begun.setAttributes(toAttributes(facts));
    const span = new RecordedSpan(begun, parent?.ids ?? {});
    try {
      return await work(span);
    } catch (error) {
      span.fail(failureOf(error));
      throw error;
    } finally {
      begun.end();
    }
  }

  async close(): Promise<void> {
    const { promise: tooLong, resolve: giveUp } = Promise.withResolvers<void>();
    const limit = setTimeout(giveUp, sendLimitMs);
    // What could not be sent was logged when it failed.
    const sent = this.#provider.shutdown().catch(() => undefined);
    await Promise.race([sent, tooLong]);
    clearTimeout(limit);
  }
}

/** A function is somebody else's program; all else goes on in here. */
const natureOf: Partial<Record<StepName, { readonly kind: SpanKind }>> = {
  "function.invoke": { kind: SpanKind.CLIENT },
};

/** What a caller's trace is continued from. */
function remoteContext(caller: TraceContext | undefined): Context {
  const parent = caller && parseTraceparent(caller.traceparent);
  if (parent === undefined) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId: parent.traceId,
    spanId: parent.parentId,
    traceFlags: parent.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
    ...(caller?.tracestate && { traceState: createTraceState(caller.tracestate) }),
  });
}

/** A span that nobody records. Its trace is known all the same, to whoever is called from it. */
function passedOn(span: ApiSpan, ids: OriginIds): Span {
  const context = contextOf(span);
  return {
    ids: { ...ids, traceId: span.spanContext().traceId },
    context,
    note: ignore,
    fail: ignore,
  };
}

function ignore(): void {}

function contextOf(span: ApiSpan): TraceContext {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext();
  const flags = traceFlags & TraceFlags.SAMPLED ? "01" : "00";
  return { traceparent: `00-${traceId}-${spanId}-${flags}`, tracestate: traceState?.serialize() };
}

class RecordedSpan implements CallSpan {
  readonly ids: OriginIds;
  readonly #span: ApiSpan;

  constructor(span: ApiSpan, ids: OriginIds) {
    this.#span = span;
    this.ids = { ...ids, traceId: span.spanContext().traceId };
  }

  get context(): TraceContext {
    return contextOf(this.#span);
  }

  inContext(): Context {
    return trace.setSpan(ROOT_CONTEXT, this.#span);
  }

  note(facts: StepFacts): void {
    this.#span.setAttributes(toAttributes(facts));
  }

  fail({ message, type, stack }: StepFailure): void {
    this.#span.recordException({ name: type, message, ...(stack !== null && { stack }) });
    this.#span.setAttribute("error.type", type);
    this.#span.setStatus({ code: SpanStatusCode.ERROR, message });
  }

  readonly answered = (status: number | undefined): void => {
    if (status !== undefined) {
      this.#span.setAttribute("http.response.status_code", status);
      if (status >= 500) {
        this.#span.setAttribute("error.type", String(status));
        this.#span.setStatus({ code: SpanStatusCode.ERROR });
      }
    }
    this.#span.end();
  };
}

function failureOf(thrown: unknown): StepFailure {
  const message = messageOf(thrown);
  if (thrown instanceof PlatformError) return { message, type: thrown.code, stack: null };
  if (thrown instanceof Error) return { message, type: thrown.name, stack: thrown.stack ?? null };
  return { message, type: typeof thrown, stack: null };
}
