import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { InvocationItem } from "../../api.ts";
import { historyRows } from "./history-rows.ts";

/** The call with a number, which is also when it began. */
const call = (n: number) =>
  ({ id: `call-${n}`, invoked_at: new Date(n * 1_000).toISOString() }) as InvocationItem;
/** Calls from the newest to the oldest. */
const calls = (newest: number, oldest: number) =>
  Array.from({ length: newest - oldest + 1 }, (_, index) => call(newest - index));
const rows = (...parts: Parameters<typeof historyRows>) => {
  const { items, total } = historyRows(...parts);
  return { ids: items.map(({ id }) => Number(id.slice(5))), total };
};

describe("historyRows", () => {
  it("has nothing before it was read", () => {
    assert.deepEqual(rows({ page: undefined, tail: [], since: undefined }), { ids: [], total: 0 });
  });

  it("has what ended since on top, each call once", () => {
    const page = { items: calls(3, 1), total: 3 };
    assert.deepEqual(rows({ page, tail: [call(4), call(3)], since: undefined }), {
      ids: [4, 3, 2, 1],
      total: 4,
    });
  });

  it("has a call that took long where it began", () => {
    const page = { items: [call(5), call(2)], total: 2 };
    assert.deepEqual(rows({ page, tail: [call(3), call(1)], since: undefined }), {
      ids: [5, 3, 2, 1],
      total: 4,
    });
  });

  it("is never longer than a page, nor has what stands on another", () => {
    const page = { items: calls(100, 51), total: 100 };
    const { ids, total } = rows({ page, tail: [call(101), call(40)], since: undefined });
    assert.equal(total, 101);
    assert.deepEqual([ids.length, ids[0], ids.at(-1)], [50, 101, 52]);
  });

  it("forgets what is older than is looked for", () => {
    const since = new Date(2_000).toISOString();
    const page = { items: [], total: 0 };
    assert.deepEqual(rows({ page, tail: [call(2), call(1)], since }), { ids: [2], total: 1 });
  });
});
