import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { startMemoryPlatform, type MemoryPlatform } from "../../test/support/memory-platform.ts";
import { parseMetrics, valueOf, type MetricFamily } from "../../test/support/metrics-page.ts";
import type { GuestReply } from "../ports/runtime-client.ts";
import { waitUntil } from "../../test/support/wait-until.ts";

/** Sample values of one function's series, in all families. */
function seriesOf(families: ReadonlyMap<string, MetricFamily>, name: string): string[] {
  return [...families.values()]
    .filter(({ samples }) => samples.some(({ labels }) => labels["function"] === name))
    .map((family) => family.name);
}

describe("GET /metrics", () => {
  let world: MemoryPlatform;
  before(async () => {
    world = await startMemoryPlatform();
  });
  after(() => world.close());

  async function read() {
    const reply = await world.app.inject({ method: "GET", url: "/metrics" });
    assert.equal(reply.statusCode, 200);
    assert.equal(reply.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    return parseMetrics(reply.body);
  }

  async function create(name: string): Promise<void> {
    const payload = { name, runtime: "node", code: "-" };
    const reply = await world.app.inject({ method: "POST", url: "/v1/functions", payload });
    assert.equal(reply.statusCode, 200, reply.body);
    await world.platform.deployments.settled(reply.json<{ id: string }>().id);
  }

  const busy = () => [...world.vms.vms.values()].find(({ running }) => running.length > 0);

  /** Answers the invocation that runs, once one does. */
  async function answer(fields: Partial<GuestReply> = {}): Promise<void> {
    await waitUntil("an invocation runs", () => busy() !== undefined);
    const vm = busy();
    vm?.answer(vm.running[0] ?? "", fields);
  }

  function invoke(name: string) {
    return world.app.inject({ method: "POST", url: `/v1/functions/${name}/invoke`, payload: {} });
  }

  /** Invokes a function, whose VM answers so. */
  async function run(name: string, fields: Partial<GuestReply> = {}) {
    const called = invoke(name);
    await answer(fields);
    return called;
  }

  it("counts invocations by function and status, and how long they took", async () => {
    await create("counted");
    await run("counted", { durationMs: 3 });
    await run("counted", { durationMs: 700 });
    const failure = { message: "Broken", type: "Error", stack: null };
    await run("counted", { status: "error", failure });
    const page = await read();
    const count = (status: string) =>
      valueOf(page, "firelet_invocations_total", { function: "counted", status });
    assert.deepEqual(["success", "error", "timeout"].map(count), [2, 1, 0]);
    const labels = { function: "counted" };
    const name = "firelet_invocation_duration_seconds";
    assert.equal(valueOf(page, `${name}_count`, labels), 3);
    assert.equal(valueOf(page, `${name}_sum`, labels)?.toFixed(3), "0.704");
    assert.equal(valueOf(page, `${name}_bucket`, { ...labels, le: "0.005" }), 2);
    assert.equal(valueOf(page, `${name}_bucket`, { ...labels, le: "0.5" }), 2);
    assert.equal(valueOf(page, `${name}_bucket`, { ...labels, le: "1" }), 3);
    assert.equal(valueOf(page, `${name}_bucket`, { ...labels, le: "+Inf" }), 3);
    assert.equal(valueOf(page, "firelet_invoke_seconds_count", labels), 3);
    assert.equal(valueOf(page, "firelet_cold_starts_total", labels), 0);
  });

  it("counts cold starts, and VM starts by way and outcome", async () => {
    await create("cold");
    const starts = { way: "boot", outcome: "success" };
    const earlier = valueOf(await read(), "firelet_vm_start_seconds_count", starts) ?? NaN;
    const { id } = world.platform.registry.get("cold");
    for (const vm of world.platform.fleets.vmsOf(id)) world.platform.fleets.stopVm(vm.spec.id);
    await waitUntil("it sleeps", () => world.platform.fleets.vmsOf(id).length === 0);
    await run("cold");
    const page = await read();
    assert.equal(valueOf(page, "firelet_cold_starts_total", { function: "cold" }), 1);
    assert.equal(valueOf(page, "firelet_vm_start_seconds_count", starts), earlier + 1);
  });

  it("counts what the platform refuses, by code", async () => {
    assert.equal((await invoke("nobody")).statusCode, 404);
    const labels = { code: "function_not_found" };
    assert.equal(valueOf(await read(), "firelet_invocations_refused_total", labels), 1);
  });

  it("counts deploys by outcome; code that does not load is the function's own failure", async () => {
    const deploys = async (outcome: string) =>
      valueOf(await read(), "firelet_deploy_seconds_count", { outcome }) ?? NaN;
    const earlier = [await deploys("success"), await deploys("rejected"), await deploys("failure")];
    await create("deployed");
    world.vms.loadWith = () => ({ loaded: false, message: "SyntaxError", logs: [] });
    await create("rejected");
    world.vms.loadWith = () => ({ loaded: true, logs: [] });
    world.vms.bootWith = () => Promise.reject(new Error("no room on the disk"));
    await create("failed");
    world.vms.bootWith = () => Promise.resolve();
    const later = [await deploys("success"), await deploys("rejected"), await deploys("failure")];
    assert.deepEqual(
      later.map((count, n) => count - (earlier[n] ?? NaN)),
      [1, 1, 1],
    );
    const failed = { state: "error" };
    assert.equal(valueOf(await read(), "firelet_functions", failed), 2);
  });

  it("reads VMs, queues, the host's budget and history when it is asked", async () => {
    await create("waiting");
    const { id } = world.platform.registry.get("waiting");
    for (const vm of world.platform.fleets.vmsOf(id)) world.platform.fleets.stopVm(vm.spec.id);
    await waitUntil("it sleeps", () => world.platform.fleets.vmsOf(id).length === 0);
    const { promise: booted, resolve } = Promise.withResolvers<void>();
    world.vms.bootWith = () => booted;
    const called = run("waiting");
    const queue = async () =>
      valueOf(await read(), "firelet_queue_length", { function: "waiting" });
    await waitUntil("it waits", async () => (await queue()) === 1);
    const page = await read();
    assert.equal(valueOf(page, "firelet_vms", { state: "booting" }), 1);
    assert.equal(valueOf(page, "firelet_vms", { state: "standby" }), 0);
    const vms = world.platform.fleets.vms.length;
    assert.equal(valueOf(page, "firelet_host_vms"), vms);
    assert.equal(valueOf(page, "firelet_host_vms_limit"), 100);
    assert.equal(valueOf(page, "firelet_host_promised_memory_bytes"), vms * 256 * 2 ** 20);
    assert.equal(valueOf(page, "firelet_host_promised_memory_limit_bytes"), 100_000 * 2 ** 20);
    assert.equal(valueOf(page, "firelet_queue_limit"), 10);
    assert.equal(valueOf(page, "firelet_history_dropped_records_total"), 0);
    resolve();
    world.vms.bootWith = () => Promise.resolve();
    await called;
    assert.equal(await queue(), 0);
  });

  it("drops a function's series when it is renamed or deleted, and takes up none for late results", async () => {
    await create("early");
    await run("early");
    assert.ok(seriesOf(await read(), "early").length > 3);
    const late = invoke("early");
    await waitUntil("it runs", () => busy() !== undefined);
    const renamed = {
      method: "PUT",
      url: "/v1/functions/early",
      payload: { name: "later" },
    } as const;
    assert.equal((await world.app.inject(renamed)).statusCode, 200);
    await answer();
    assert.equal((await late).statusCode, 200);
    const { id } = world.platform.registry.get("later");
    await world.platform.deployments.settled(id);
    const page = await read();
    assert.deepEqual(seriesOf(page, "early"), []);
    const labels = { function: "later", status: "success" };
    assert.equal(valueOf(page, "firelet_invocations_total", labels), 1);

    const last = invoke("later");
    await waitUntil("it runs", () => busy() !== undefined);
    const deleted = world.app.inject({ method: "DELETE", url: "/v1/functions/later" });
    await waitUntil("it is gone", () => world.platform.registry.find("later") === undefined);
    await answer();
    assert.equal((await last).statusCode, 200);
    assert.equal((await deleted).statusCode, 200);
    assert.deepEqual(seriesOf(await read(), "later"), []);
  });

  it("tells what runs, and how the manager's process does", async () => {
    const page = await read();
    const [build] = page.get("firelet_build_info")?.samples ?? [];
    assert.equal(build?.value, 1);
    assert.equal(build?.labels["version"], "0.0.0");
    assert.ok((valueOf(page, "process_resident_memory_bytes") ?? 0) > 10 * 2 ** 20);
    assert.ok((valueOf(page, "process_cpu_seconds_total") ?? 0) > 0);
  });

  it("has names as Prometheus wants them", async () => {
    for (const { name, type } of (await read()).values()) {
      assert.match(name, /^[a-z][a-z0-9_]*$/);
      assert.equal(name.endsWith("_total"), type === "counter", name);
      assert.doesNotMatch(name, /_(ms|millis|mib|mb|kb|count|sum|bucket)$/);
      if (type === "histogram") assert.match(name, /_seconds$/);
    }
  });

  it("has a row in docs/observability.md for every metric of ours", async () => {
    const docs = readFileSync(new URL("../../docs/observability.md", import.meta.url), "utf8");
    const rows = [...docs.matchAll(/^\| `(firelet_\w+)` \| (\w+) \| (.*?) \| ./gm)].map(
      ([, name, type, labels]) => `${name} ${type} ${labels?.replaceAll(/[`,]/g, "")}`.trim(),
    );
    const exported = [...(await read()).values()]
      .filter(({ name }) => name.startsWith("firelet_"))
      .map(({ name, type, samples }) => {
        const labels = Object.keys(samples[0]?.labels ?? {}).filter((label) => label !== "le");
        return `${name} ${type} ${labels.join(" ")}`.trim();
      });
    assert.deepEqual(rows, exported);
  });

  it("says the same to whoever reads at the same time", async () => {
    const pages = await Promise.all([read(), read(), read()]);
    for (const page of pages) assert.equal(page.size, pages[0]?.size);
  });
});
