import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ManualClock, settle } from "../../test/support/manual-clock.ts";
import { invocationRecord } from "../../test/support/records.ts";
import type { InvocationRecord } from "../core/invocation.ts";
import { InvocationRecorder } from "./invocation-recorder.ts";

function recorderOf() {
  const clock = new ManualClock();
  const written: string[][] = [];
  const errors: object[] = [];
  const store = {
    broken: false,
    insertBatch(records: readonly InvocationRecord[]) {
      if (store.broken) return Promise.reject(new Error("disk full"));
      written.push(records.map(({ id }) => id));
      return Promise.resolve();
    },
    query: () => Promise.resolve({ items: [], total: 0 }),
    readAfter: () => Promise.resolve([]),
    lastNumber: () => Promise.resolve(0),
    readStatistics: () => Promise.reject(new Error("never asked for")),
    countByHour: () => Promise.resolve([]),
    prune: () => Promise.resolve(0),
  };
  const log = { debug() {}, info() {}, warn() {}, error: (fields: object) => errors.push(fields) };
  const recorder = new InvocationRecorder(
    store,
    { maxAgeMs: 1_000, maxRecords: 10 },
    { clock, log },
  );
  return { clock, errors, recorder, store, written };
}

describe("InvocationRecorder", () => {
  it("writes what was added within 100 ms, in one batch", async () => {
    const { clock, recorder, written } = recorderOf();
    recorder.add(invocationRecord({ id: "a" }));
    recorder.add(invocationRecord({ id: "b" }));
    await clock.advance(99);
    assert.deepEqual(written, []);
    await clock.advance(1);
    assert.deepEqual(written, [["a", "b"]]);
  });

  it("splits a burst into batches of 200, in order, without waiting", async () => {
    const { recorder, written } = recorderOf();
    const ids = Array.from({ length: 450 }, (_, n) => `i${n}`);
    for (const id of ids) recorder.add(invocationRecord({ id }));
    await recorder.flush();
    assert.deepEqual(
      written.map((batch) => batch.length),
      [200, 200, 50],
    );
    assert.deepEqual(written.flat(), ids);
  });

  it("keeps what the store could not take, and writes it later, once", async () => {
    const { clock, recorder, store, written } = recorderOf();
    store.broken = true;
    recorder.add(invocationRecord({ id: "a" }));
    await recorder.flush();
    store.broken = false;
    recorder.add(invocationRecord({ id: "b" }));
    await clock.advance(100);
    assert.deepEqual(written, [["a", "b"]]);
  });

  it("bounds its memory by number and by size, dropping the oldest and saying how many", async () => {
    const { errors, recorder, store, written } = recorderOf();
    store.broken = true;
    for (let n = 0; n < 10_005; n += 1) recorder.add(invocationRecord({ id: `i${n}` }));
    await settle();
    store.broken = false;
    await recorder.flush();
    assert.equal(written.flat().length, 10_000);
    assert.equal(written[0]?.[0], "i5");
    assert.deepEqual(errors.at(-1), { dropped: 5 });
    store.broken = true;
    const large = "x".repeat(32 * 1024 * 1024);
    for (const id of ["a", "b", "c"]) recorder.add(invocationRecord({ id, event: large }));
    await settle();
    store.broken = false;
    written.length = 0;
    await recorder.flush();
    assert.deepEqual(written, [["c"]]);
  });

  it("tells those who listen for a function when something of it is written, until they stop", async () => {
    const { recorder, store, written } = recorderOf();
    const heard: number[] = [];
    const stop = recorder.onRecorded("f", () => heard.push(written.length));
    recorder.add(invocationRecord({ functionId: "other" }));
    await recorder.flush();
    assert.deepEqual(heard, []);
    recorder.add(invocationRecord({}));
    recorder.add(invocationRecord({}));
    await recorder.flush();
    assert.deepEqual(heard, [2]);
    store.broken = true;
    recorder.add(invocationRecord({}));
    await recorder.flush();
    assert.deepEqual(heard, [2]);
    stop();
    store.broken = false;
    await recorder.flush();
    assert.deepEqual([heard, written.length], [[2], 3]);
  });

  it("writes the rest when it is closed", async () => {
    const { recorder, written } = recorderOf();
    recorder.add(invocationRecord({ id: "a" }));
    await recorder.close();
    assert.deepEqual(written, [["a"]]);
  });
});
