import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import * as fc from "fast-check";
import {
  invocationStatuses,
  type InvocationFigures,
  type InvocationRecord,
} from "../../src/core/invocation.ts";
import type { StatisticsQuery, Store } from "../../src/ports/store.ts";
import { functionRecord, invocationRecord, noon } from "../support/records.ts";
import type { StoreSubject } from "./store.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
/** More than a test writes. */
const keepAll = { maxAgeMs: 30 * day, maxRecords: 1_000_000 };

/** What a store counts, compared with the records themselves. */
export function storeStatisticsSuite(subject: StoreSubject): void {
  describe(`${subject.label} store, statistics`, () => {
    let place: Awaited<ReturnType<StoreSubject["prepare"]>>;
    let store: Store;

    beforeEach(async () => {
      place = await subject.prepare();
      store = await place.open();
      for (const id of ["a", "b"]) await store.functions.insert(functionRecord({ id, name: id }));
    });

    afterEach(async () => {
      await store.close();
      await place.remove();
    });

    const windows: readonly Omit<StatisticsQuery, "functionId">[] = [
      { from: at(-hour), stepMs: minute, steps: 120 },
      { from: at(-6 * hour), stepMs: 15 * minute, steps: 48 },
      { from: at(-4 * day), stepMs: hour, steps: 168 },
    ];

    it("counts as the records themselves do, at every edge, in whatever batches they came", async () => {
      let run = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(fc.array(anyRecord, { maxLength: 30 })), async (batches) => {
          // Functions of its own for each run, in one store.
          run += 1;
          const own = (record: InvocationRecord) => `${record.functionId}${run}`;
          for (const name of ["a", "b"]) {
            await store.functions.insert(functionRecord({ id: `${name}${run}`, name: name + run }));
          }
          for (const batch of batches) {
            const records = batch.map((record) => ({ ...record, functionId: own(record) }));
            await store.invocations.insertBatch(records);
          }
          for (const name of ["a", "b"]) {
            const records = batches.flat().filter(({ functionId }) => functionId === name);
            for (const window of windows) {
              const query = { ...window, functionId: `${name}${run}` };
              const { series, ...whole } = await store.invocations.readStatistics(query);
              const exact = exactly(records, window);
              close(whole, exact.whole);
              assert.deepEqual(
                series.map((step) => step.at),
                exact.series.map((step) => step.at),
              );
              for (const [index, { at: _, ...step }] of series.entries()) {
                close(step, exact.series[index]!.figures);
              }
            }
          }
        }),
        { numRuns: 25 },
      );
    });

    it("counts the hours of all functions at once", async () => {
      const record = (functionId: string, ms: number, fields: Partial<InvocationRecord> = {}) =>
        invocationRecord({ functionId, invokedAt: at(ms), ...fields });
      await store.invocations.insertBatch([
        record("a", -1),
        record("a", 0),
        record("a", hour - 1, { status: "error", coldStart: true }),
        record("b", hour, { status: "timeout" }),
      ]);
      const none = { success: 0, error: 0, timeout: 0, coldStarts: 0 };
      assert.deepEqual(await store.invocations.countByHour(noon), [
        { ...none, functionId: "a", at: noon, success: 1, error: 1, coldStarts: 1 },
        { ...none, functionId: "b", at: at(hour), timeout: 1 },
      ]);
    });

    it("counts on when the records were removed for their number", async () => {
      const records = Array.from({ length: 20 }, (_, n) =>
        invocationRecord({ functionId: "a", invokedAt: at(n * 10_000), durationMs: n }),
      );
      await store.invocations.insertBatch(records);
      await store.invocations.prune({ ...keepAll, maxRecords: 3 }, at(hour), 100);
      const kept = await store.invocations.query({ functionId: "a", limit: 100, offset: 0 });
      assert.equal(kept.total, 3);
      for (const window of windows) {
        const found = await store.invocations.readStatistics({ ...window, functionId: "a" });
        close(found, exactly(records, window).whole);
      }
    });

    it("forgets minutes after 26 hours, and hours with the history's age", async () => {
      const invokedAt = at(30 * minute);
      await store.invocations.insertBatch([invocationRecord({ functionId: "a", invokedAt })]);
      const total = async (stepMs: number) => {
        const query = { functionId: "a", from: noon, stepMs, steps: hour / stepMs };
        return (await store.invocations.readStatistics(query)).total;
      };
      const limit = { ...keepAll, maxAgeMs: 2 * day };
      await store.invocations.prune(limit, at(26 * hour + 30 * minute), 100);
      assert.deepEqual([await total(minute), await total(hour)], [1, 1]);
      await store.invocations.prune(limit, at(26 * hour + 31 * minute), 100);
      assert.deepEqual([await total(minute), await total(hour)], [0, 1]);
      await store.invocations.prune(limit, at(2 * day + hour - 1), 100);
      assert.equal(await total(hour), 1);
      await store.invocations.prune(limit, at(2 * day + hour), 100);
      assert.equal(await total(hour), 0);
    });

    it("removes counts no more than a batch at once, and says when it is done", async () => {
      await store.invocations.insertBatch(
        Array.from({ length: 5 }, (_, n) =>
          invocationRecord({ functionId: "a", invokedAt: at(n * minute) }),
        ),
      );
      // Five minutes; the records and the hour stay.
      assert.equal(await store.invocations.prune(keepAll, at(2 * day), 3), 3);
      assert.equal(await store.invocations.prune(keepAll, at(2 * day), 3), 2);
      assert.equal(await store.invocations.prune(keepAll, at(2 * day), 3), 0);
    });

    it("forgets a deleted function, and leaves the others", async () => {
      for (const functionId of ["a", "b"]) {
        await store.invocations.insertBatch([invocationRecord({ functionId })]);
      }
      await store.functions.delete("a");
      while ((await store.invocations.prune(keepAll, noon, 1)) > 0);
      // A function of the same id would find them, were they left.
      await store.functions.insert(functionRecord({ id: "a", name: "a" }));
      const [window] = windows;
      const total = async (functionId: string) =>
        (await store.invocations.readStatistics({ ...window!, functionId })).total;
      assert.deepEqual([await total("a"), await total("b")], [0, 1]);
    });

    it("counts nothing of a batch that is for functions that are gone", async () => {
      await store.invocations.insertBatch([invocationRecord({ functionId: "gone" })]);
      const query = { ...windows[0]!, functionId: "gone" };
      assert.equal((await store.invocations.readStatistics(query)).total, 0);
    });
  });
}

function at(ms: number): Date {
  return new Date(noon.getTime() + ms);
}

const anyRecord = fc
  .record({
    functionId: fc.constantFrom("a", "b"),
    status: fc.constantFrom(...invocationStatuses),
    coldStart: fc.boolean(),
    durationMs: fc.double({ min: 0, max: 100_000, noNaN: true }),
    // A few days, and often just before, at and after the edge of a minute, an hour or a window.
    invokedAt: fc
      .tuple(
        fc.oneof(
          fc.integer({ min: -100, max: 100 }).map((hours) => hours * hour),
          fc.integer({ min: -90, max: 90 }).map((minutes) => minutes * minute),
          fc.integer({ min: -2 * hour, max: 2 * hour }),
        ),
        fc.integer({ min: -1, max: 1 }),
      )
      .map(([ms, beside]) => at(ms + beside)),
  })
  .map((fields) => invocationRecord(fields));

/** The plain way. */
function exactly(
  records: readonly InvocationRecord[],
  { from, stepMs, steps }: Omit<StatisticsQuery, "functionId">,
) {
  const within = (beginMs: number, endMs: number) =>
    figuresOf(
      records.filter(
        ({ invokedAt }) => invokedAt.getTime() >= beginMs && invokedAt.getTime() < endMs,
      ),
    );
  const beginMs = from.getTime();
  return {
    whole: within(beginMs, beginMs + steps * stepMs),
    series: Array.from({ length: steps }, (_, step) => ({
      at: new Date(beginMs + step * stepMs),
      figures: within(beginMs + step * stepMs, beginMs + (step + 1) * stepMs),
    })),
  };
}

function figuresOf(records: readonly InvocationRecord[]): InvocationFigures {
  const durations = records.map(({ durationMs }) => durationMs).toSorted((a, b) => a - b);
  const rank = (share: number) => durations[Math.ceil(share * durations.length) - 1] ?? null;
  const count = (wanted: string) => records.filter(({ status }) => status === wanted).length;
  const sum = durations.reduce((total, ms) => total + ms, 0);
  return {
    total: records.length,
    success: count("success"),
    error: count("error"),
    timeout: count("timeout"),
    coldStarts: records.filter(({ coldStart }) => coldStart).length,
    averageMs: records.length === 0 ? null : sum / records.length,
    p50Ms: rank(0.5),
    p95Ms: rank(0.95),
    p99Ms: rank(0.99),
  };
}

/** Counts are equal, the average but for its last digits, percentiles to 0.05 %. */
function close(found: InvocationFigures, exact: InvocationFigures): void {
  for (const name of ["total", "success", "error", "timeout", "coldStarts"] as const) {
    assert.equal(found[name], exact[name], name);
  }
  const allowed = { averageMs: 1e-9, p50Ms: 0.0005, p95Ms: 0.0005, p99Ms: 0.0005 };
  for (const name of ["averageMs", "p50Ms", "p95Ms", "p99Ms"] as const) {
    const [a, b] = [found[name], exact[name]];
    if (a === null || b === null) assert.equal(a, b, name);
    else assert.ok(Math.abs(a - b) <= Math.max(0.00051, b * allowed[name]), `${name}: ${a}, ${b}`);
  }
}
