import {
  collectDefaultMetrics,
  Counter,
  Gauge,
  Histogram,
  Registry,
  type MetricConfiguration,
} from "prom-client";
import type { ErrorCode } from "../core/errors.ts";
import { invocationStatuses } from "../core/invocation.ts";
import { outcomes, type Outcome } from "../core/outcome.ts";
import type { VmOrigin } from "../core/vm.ts";
import type { InvocationFigures, MetricsPage, PlatformFigures } from "../ports/telemetry.ts";

/** What the manager is, for `firelet_build_info`. */
export interface BuildFacts {
  readonly version: string;
  readonly driver: string;
  readonly accelerator: string;
}

/** Seconds: from an empty function to the longest that one may take. */
const buckets = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900,
];

/** What an invocation is refused with; any other code is counted from when it first is. */
const refusals: readonly ErrorCode[] = [
  "function_not_found",
  "function_in_error",
  "function_not_ready",
  "queue_full",
  "host_full",
  "payload_too_large",
  "vm_start_failed",
  "vm_lost",
  "code_rejected",
  "shutting_down",
  "internal",
];

/** Gauges with a counter's suffix, which Prometheus' own checker refuses; the same is in others. */
const misnamed = [
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_active_resources_total",
];

/**
 * One manager's metrics, in a registry of its own. Names and units follow
 * https://prometheus.io/docs/practices/naming/; docs/observability.md has a row for each.
 */
export class PrometheusMetrics {
  readonly #registry = new Registry();
  readonly #invocations = this.#counter(
    "firelet_invocations_total",
    "Invocations by their function and how they ended",
    ["function", "status"],
  );
  readonly #handler = this.#histogram(
    "firelet_invocation_duration_seconds",
    "Time in the function's handler, as its guest measured it",
    ["function"],
  );
  readonly #whole = this.#histogram(
    "firelet_invoke_seconds",
    "Time of an invocation in the manager, waiting for a VM and starting one included",
    ["function"],
  );
  readonly #coldStarts = this.#counter(
    "firelet_cold_starts_total",
    "Invocations that a VM had to be started for",
    ["function"],
  );
  readonly #refusals = this.#counter(
    "firelet_invocations_refused_total",
    "Invocations that the platform answered with an error, by its code",
    ["code"],
  );
  readonly #vmStarts = this.#histogram(
    "firelet_vm_start_seconds",
    "Time until a VM could serve, by the way it took and how that ended",
    ["way", "outcome"],
  );
  readonly #deploys = this.#histogram(
    "firelet_deploy_seconds",
    "Time of a deploy or update, by how it ended",
    ["outcome"],
  );
  readonly #functions = this.#gauge("firelet_functions", "Functions by state", ["state"]);
  readonly #vms = this.#gauge("firelet_vms", "VMs of functions by state", ["state"]);
  readonly #queues = this.#gauge(
    "firelet_queue_length",
    "Invocations of a function that wait for a VM",
    ["function"],
  );
  readonly #queueLimit = this.#gauge(
    "firelet_queue_limit",
    "Invocations of one function that may wait for a VM",
  );
  readonly #hostVms = this.#gauge(
    "firelet_host_vms",
    "VMs that hold a share of this host, those that snapshots are taken of included",
  );
  readonly #hostVmsLimit = this.#gauge("firelet_host_vms_limit", "VMs that this host may have");
  readonly #promised = this.#gauge(
    "firelet_host_promised_memory_bytes",
    "Memory that the guests of this host are promised together",
  );
  readonly #promisedLimit = this.#gauge(
    "firelet_host_promised_memory_limit_bytes",
    "Memory that the guests of this host may be promised together",
  );
  readonly #hostWaiting = this.#gauge(
    "firelet_host_waiting_vms",
    "VMs that wait until this host has room for them",
  );
  readonly #snapshots = this.#gauge("firelet_snapshots", "Snapshots on the disk");
  readonly #snapshotBytes = this.#gauge(
    "firelet_snapshot_disk_bytes",
    "What snapshots take of the disk",
  );
  readonly #historyWaiting = this.#gauge(
    "firelet_history_waiting_records",
    "Invocation records that wait to be written",
  );
  readonly #historyDropped = this.#counter(
    "firelet_history_dropped_records_total",
    "Invocation records that were dropped because they could not be written",
  );

  /** Functions that have series. */
  readonly #known = new Set<string>();
  #watched = false;

  constructor({ version, driver, accelerator }: BuildFacts) {
    const build = this.#gauge("firelet_build_info", "What runs here; always 1", [
      "version",
      "node",
      "driver",
      "accelerator",
    ]);
    build.set({ version, node: process.versions.node, driver, accelerator }, 1);
    this.#beginAtZero();
  }

  /** Wakes the process a hundred times a second, for the event loop's delay: not before somebody reads it. */
  #watchProcess(): void {
    if (this.#watched) return;
    this.#watched = true;
    collectDefaultMetrics({ register: this.#registry });
    for (const name of misnamed) this.#registry.removeSingleMetric(name);
  }

  /** A series that begins with its first event hides that event from rate(). */
  #beginAtZero(): void {
    for (const code of refusals) this.#refusals.inc({ code }, 0);
    for (const outcome of outcomes) {
      this.#deploys.zero({ outcome });
      this.#vmStarts.zero({ way: "clone", outcome });
      this.#vmStarts.zero({ way: "boot", outcome });
    }
    this.#vmStarts.zero({ way: "standby", outcome: "success" });
  }

  countInvocation(invocation: InvocationFigures): void {
    const { functionName, status, handlerMs, totalMs, coldStart } = invocation;
    const labels = { function: functionName };
    if (!this.#known.has(functionName)) this.#introduce(functionName);
    this.#invocations.inc({ function: functionName, status });
    this.#handler.observe(labels, handlerMs / 1000);
    this.#whole.observe(labels, totalMs / 1000);
    if (coldStart) this.#coldStarts.inc(labels);
  }

  #introduce(functionName: string): void {
    this.#known.add(functionName);
    const labels = { function: functionName };
    this.#coldStarts.inc(labels, 0);
    for (const status of invocationStatuses) this.#invocations.inc({ ...labels, status }, 0);
  }

  countRefusal(code: ErrorCode): void {
    this.#refusals.inc({ code });
  }

  countVmStart(way: VmOrigin, outcome: Outcome, durationMs: number): void {
    this.#vmStarts.observe({ way, outcome }, durationMs / 1000);
  }

  countDeploy(outcome: Outcome, durationMs: number): void {
    this.#deploys.observe({ outcome }, durationMs / 1000);
  }

  forgetFunction(functionName: string): void {
    if (!this.#known.delete(functionName)) return;
    const labels = { function: functionName };
    for (const status of invocationStatuses) this.#invocations.remove({ ...labels, status });
    for (const metric of [this.#handler, this.#whole, this.#coldStarts]) metric.remove(labels);
  }

  async read(figures: PlatformFigures): Promise<MetricsPage> {
    this.#watchProcess();
    this.#setGauges(figures);
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  /** In one go, so that a page that is read at the same time is whole. */
  #setGauges({ functions, vms, queues, queueLimit, ...others }: PlatformFigures): void {
    const { history, host, snapshots } = others;
    for (const [state, count] of Object.entries(functions)) this.#functions.set({ state }, count);
    for (const [state, count] of Object.entries(vms)) this.#vms.set({ state }, count);
    this.#queues.reset();
    for (const [name, length] of queues) this.#queues.set({ function: name }, length);
    this.#queueLimit.set(queueLimit);
    this.#hostVms.set(host.vms);
    this.#hostVmsLimit.set(host.vmsLimit);
    this.#promised.set(host.promisedBytes);
    this.#promisedLimit.set(host.promisedBytesLimit);
    this.#hostWaiting.set(host.waiting);
    this.#snapshots.set(snapshots.count);
    this.#snapshotBytes.set(snapshots.bytes);
    this.#historyWaiting.set(history.waiting);
    this.#historyDropped.reset();
    this.#historyDropped.inc(history.dropped);
  }

  #counter<L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) {
    return new Counter<L>(this.#config(name, help, labelNames));
  }

  #gauge<L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) {
    return new Gauge<L>(this.#config(name, help, labelNames));
  }

  #histogram<L extends string>(name: string, help: string, labelNames: readonly L[]) {
    return new Histogram<L>({ ...this.#config(name, help, labelNames), buckets });
  }

  #config<L extends string>(name: string, help: string, labelNames: readonly L[]) {
    return { name, help, labelNames, registers: [this.#registry] } satisfies MetricConfiguration<L>;
  }
}
