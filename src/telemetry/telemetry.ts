import type { ErrorCode } from "../core/errors.ts";
import type { Outcome } from "../core/outcome.ts";
import type { VmOrigin } from "../core/vm.ts";
import type { Log } from "../ports/log.ts";
import type {
  CallSpan,
  InvocationFigures,
  MetricsPage,
  PlatformFigures,
  ReceivedCall,
  Span,
  StepFacts,
  StepName,
  Telemetry,
} from "../ports/telemetry.ts";
import { PrometheusMetrics, type BuildFacts } from "./prometheus-metrics.ts";
import { untraced, type Tracer } from "./untraced.ts";

export interface TelemetrySettings {
  /** Where a collector takes OTLP over HTTP; null where nothing is to be traced. */
  readonly otlpEndpoint: string | null;
  /** The part of the traces that begin here which is recorded, from 0 to 1. */
  readonly traceRatio: number;
}

/** Metrics alone. */
export function untracedTelemetry(build: BuildFacts): Telemetry {
  return new ManagerTelemetry(build, untraced);
}

/** Metrics always, and traces where there is a collector; the SDK for those is loaded then alone. */
export async function openTelemetry(
  { otlpEndpoint: endpoint, traceRatio: ratio }: TelemetrySettings,
  build: BuildFacts,
  log: Log,
): Promise<Telemetry> {
  if (endpoint === null) return untracedTelemetry(build);
  const { OtlpTracer } = await import("./otlp-tracer.ts");
  const { version } = build;
  return new ManagerTelemetry(build, new OtlpTracer({ endpoint, ratio, version, log }));
}

class ManagerTelemetry implements Telemetry {
  readonly #metrics: PrometheusMetrics;
  readonly #tracer: Tracer;

  constructor(build: BuildFacts, tracer: Tracer) {
    this.#metrics = new PrometheusMetrics(build);
    this.#tracer = tracer;
  }

  receive(call: ReceivedCall): CallSpan {
    return this.#tracer.receive(call);
  }

  follow<T>(
    name: StepName,
    facts: StepFacts,
    parent: Span | undefined,
    work: (span: Span) => Promise<T>,
  ): Promise<T> {
    return this.#tracer.follow(name, facts, parent, work);
  }

  countInvocation(figures: InvocationFigures): void {
    this.#metrics.countInvocation(figures);
  }

  countRefusal(code: ErrorCode): void {
    this.#metrics.countRefusal(code);
  }

  countVmStart(way: VmOrigin, outcome: Outcome, durationMs: number): void {
    this.#metrics.countVmStart(way, outcome, durationMs);
  }

  countDeploy(outcome: Outcome, durationMs: number): void {
    this.#metrics.countDeploy(outcome, durationMs);
  }

  forgetFunction(functionName: string): void {
    this.#metrics.forgetFunction(functionName);
  }

  readMetrics(figures: PlatformFigures): Promise<MetricsPage> {
    return this.#metrics.read(figures);
  }

  close(): Promise<void> {
    return this.#tracer.close();
  }
}
