import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { InjectOptions } from "fastify";
import { startMemoryPlatform, type MemoryPlatform } from "../../test/support/memory-platform.ts";
import { invocationRecord } from "../../test/support/records.ts";
import { waitUntil } from "../../test/support/wait-until.ts";
import type { InvocationRecord } from "../core/invocation.ts";

let memory: MemoryPlatform;
before(async () => {
  memory = await startMemoryPlatform();
});
after(() => memory.close());

async function call(options: InjectOptions) {
  const answer = await memory.app.inject(options);
  return { status: answer.statusCode, body: answer.json() };
}

/** A function that is ready; resolves to its id. */
async function create(name: string): Promise<string> {
  const payload = { name, runtime: "node", code: "async function handler() {}" };
  const { body } = await call({ method: "POST", url: "/v1/functions", payload });
  const url = `/v1/functions/${body.id}`;
  await waitUntil("ready", async () => (await call({ url })).body.item.state === "ready");
  return body.id;
}

/** As invocations that have just ended are recorded. */
function record(functionId: string, ...invocations: readonly Partial<InvocationRecord>[]): void {
  const { clock, recorder } = memory.platform;
  for (const fields of invocations) {
    const ids = { id: clock.newId(), requestId: clock.newId(), vmId: clock.newId() };
    const invokedAt = clock.now();
    recorder.add(invocationRecord({ ...ids, functionId, invokedAt, ...fields }));
  }
}

describe("GET /v1/stats", () => {
  it("counts the last 24 hours of every function, and leaves out those that were idle", async () => {
    const hourMs = 3_600_000;
    await create("idle");
    const id = await create("busy");
    const now = Date.now();
    const ago = (hours: number) => new Date(now - hours * hourMs);
    record(
      id,
      { invokedAt: ago(25) },
      { invokedAt: ago(2) },
      { invokedAt: ago(2), status: "timeout", coldStart: true },
      { status: "error" },
    );
    const { body } = await call({ url: "/v1/stats" });
    const [item, ...others] = body.items;
    assert.deepEqual(others, []);
    const { hours, ...counts } = item;
    assert.deepEqual(counts, { function_id: id, total: 3, failed: 2, cold_starts: 1 });
    assert.equal(hours.length, 24);
    const begin = (time: Date) => new Date(Math.floor(time.getTime() / hourMs) * hourMs);
    assert.deepEqual(hours.at(-3), { at: begin(ago(2)).toISOString(), total: 2, failed: 1 });
    assert.deepEqual(hours.at(-1), { at: begin(ago(0)).toISOString(), total: 1, failed: 1 });
    assert.equal(hours[0].at, begin(ago(23)).toISOString());
  });
});

describe("GET /v1/functions/{id}/stats", () => {
  it("counts what was just answered, in the window's steps", async () => {
    const id = await create("counted");
    record(
      id,
      { durationMs: 1, coldStart: true },
      { durationMs: 2.25 },
      { durationMs: 4, status: "error", error: "boom", errorType: "Error" },
      { durationMs: 8, status: "timeout" },
    );
    const { body } = await call({ url: "/v1/functions/counted/stats" });
    const { series, from, to, ...whole } = body.item;
    const figures = {
      total: 4,
      success: 2,
      error: 1,
      timeout: 1,
      cold_starts: 1,
      avg_ms: 3.813,
      p50_ms: 2.251,
      p95_ms: 8.002,
      p99_ms: 8.002,
    };
    assert.deepEqual(whole, { window: "24h", ...figures });
    assert.equal(series.length, 96);
    assert.deepEqual([series[0].at, series[0].total, series[0].p99_ms], [from, 0, null]);
    assert.ok(Date.parse(to) - Date.parse(series[95].at) < 15 * 60_000);
    // A quarter of an hour may have begun meanwhile.
    const counted = series.filter(({ total }: { total: number }) => total > 0);
    assert.deepEqual(counted, [{ at: counted[0].at, ...figures }]);
  });

  it("has windows of an hour, a day and a week, which begin at a whole step", async () => {
    const id = await create("windows");
    record(id, {});
    const windows = [
      ["1h", 60, 60_000],
      ["24h", 96, 15 * 60_000],
      ["7d", 168, 3_600_000],
    ] as const;
    for (const [window, steps, stepMs] of windows) {
      const { item } = (await call({ url: `/v1/functions/${id}/stats?window=${window}` })).body;
      assert.deepEqual([item.window, item.total, item.series.length], [window, 1, steps]);
      const times = item.series.map(({ at }: { at: string }) => Date.parse(at));
      assert.equal(times[0] % stepMs, 0);
      assert.deepEqual(
        times,
        Array.from({ length: steps }, (_, step) => times[0] + step * stepMs),
      );
    }
  });

  it("has no average and no percentile of nothing", async () => {
    const id = await create("silent");
    const { item } = (await call({ url: `/v1/functions/${id}/stats?window=1h` })).body;
    const { total, avg_ms, p50_ms, p95_ms, p99_ms } = item;
    assert.deepEqual([total, avg_ms, p50_ms, p95_ms, p99_ms], [0, null, null, null, null]);
  });

  it("refuses another window by what there is, and a function that is not there", async () => {
    const { status, body } = await call({ url: "/v1/functions/counted/stats?window=2h" });
    assert.deepEqual(
      [status, body.error],
      [400, 'Invalid window: found "2h", want one of "1h", "24h", "7d"'],
    );
    assert.equal((await call({ url: "/v1/functions/nobody/stats" })).status, 404);
  });
});

describe("GET /v1/functions/{id}/logs", () => {
  let url: string;
  let vmId: string;
  before(async () => {
    const id = await create("filtered");
    url = `/v1/functions/${id}/logs`;
    vmId = memory.platform.clock.newId();
    record(
      id,
      { event: "first", coldStart: true, logs: ["Connecting"], durationMs: 99.4 },
      { event: "second", vmId, logs: ["connection refused"], durationMs: 99.5 },
      { event: "third", vmId, error: "Connection LOST", status: "error", durationMs: 300 },
    );
  });

  const found = async (query: string) => {
    const { status, body } = await call({ url: `${url}?${query}` });
    assert.equal(status, 200, JSON.stringify(body));
    return [body.total, body.items.map(({ event }: { event: string }) => event)];
  };

  it("filters by each part, and by all together", async () => {
    assert.deepEqual(await found("q=connect"), [3, ["third", "second", "first"]]);
    assert.deepEqual(await found("q=connection&limit=1&offset=1"), [2, ["second"]]);
    assert.deepEqual(await found(`vm_id=${vmId}`), [2, ["third", "second"]]);
    assert.deepEqual(await found("cold_start=true"), [1, ["first"]]);
    assert.deepEqual(await found("cold_start=false"), [2, ["third", "second"]]);
    const { body } = await call({ url });
    const { request_id } = body.items[0];
    assert.deepEqual(await found(`request_id=${request_id}`), [1, ["third"]]);
    assert.deepEqual(await found(`vm_id=${vmId}&q=lost&min_duration_ms=200`), [1, ["third"]]);
  });

  it("takes the shortest duration as it is shown, rounded", async () => {
    assert.deepEqual(await found("min_duration_ms=99"), [3, ["third", "second", "first"]]);
    assert.deepEqual(await found("min_duration_ms=100"), [2, ["third", "second"]]);
  });

  it("says where a call threw, as its answer did, cut where that is long", async () => {
    const own = await startMemoryPlatform();
    try {
      const inject = async (options: InjectOptions) => (await own.app.inject(options)).json();
      const payload = { name: "thrower", runtime: "node", code: "async function handler() {}" };
      const path = "/v1/functions/thrower";
      await inject({ method: "POST", url: "/v1/functions", payload });
      await waitUntil("ready", async () => (await inject({ url: path })).item.state === "ready");
      const frame = "    at handler (handler.js:2:9)\n";
      const vm = own.vms.only;
      for (const stack of [frame, frame.repeat(1_000), null]) {
        const answer = inject({ method: "POST", url: `${path}/invoke`, payload: {} });
        await waitUntil("it runs", () => vm.running.length > 0);
        const failure = { message: "boom", type: "TypeError", stack };
        vm.answer(vm.running[0] ?? "", { status: "error", failure });
        const { request_id } = await answer;
        const { items } = await inject({ url: `${path}/logs?request_id=${request_id}` });
        assert.equal(items[0].stack, stack === null ? null : stack.slice(0, 8 * 1024));
      }
    } finally {
      await own.close();
    }
  });

  const id = "an id, for instance 550e8400-e29b-41d4-a716-446655440000";
  const refused: readonly [query: string, message: string][] = [
    ["request_id=7", `Invalid request_id: found "7", want ${id}`],
    ["vm_id=fn-hello-550e8400", `Invalid vm_id: found "fn-hello-550e8400", want ${id}`],
    ["q=", 'Invalid q: found "", want at least 1 characters'],
    ["cold_start=yes", 'Invalid cold_start: found "yes", want a boolean'],
    ["min_duration_ms=-1", "Invalid min_duration_ms: found -1, want at least 0"],
    ["min_duration_ms=1.5", 'Invalid min_duration_ms: found "1.5", want an integer'],
    [
      "since=yesterday",
      'Invalid since: found "yesterday", want a date-time, for instance 2026-01-31T12:00:00Z',
    ],
  ];
  for (const [query, message] of refused) {
    it(`refuses ${query}`, async () => {
      const { status, body } = await call({ url: `${url}?${query}` });
      assert.deepEqual([status, body.error, body.code], [400, message, "invalid_request"]);
    });
  }
});
