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
