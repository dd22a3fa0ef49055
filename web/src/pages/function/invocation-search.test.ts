import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  readInvocationSearch,
  toFilter,
  toQuery,
  whyNotLive,
  withPart,
  withRange,
  withText,
} from "./invocation-search.ts";

const id = "550e8400-e29b-41d4-a716-446655440000";
const now = Date.parse("2026-01-31T12:00:00.000Z");
const since = "2026-01-31T10:00:00.000Z";
const until = "2026-01-31T11:00:00.000Z";

describe("the search of the history", () => {
  it("reads what makes sense of an address, and nothing else", () => {
    const whole = { status: "error", q: "x", request: id, cold: false, slow: 10, vm: id, page: 2 };
    assert.deepEqual(readInvocationSearch(whole), whole);
    assert.deepEqual(readInvocationSearch({ range: "custom", since, until }), {
      range: "custom",
      since,
      until,
    });
    // Times of a range that has none, and a time that is none.
    assert.deepEqual(readInvocationSearch({ range: "1h", since }), { range: "1h" });
    assert.deepEqual(readInvocationSearch({ range: "custom", since: "soon" }), { range: "custom" });
    assert.deepEqual(
      readInvocationSearch({
        status: "odd",
        q: "",
        cold: "x",
        slow: -1,
        vm: 7,
        range: "9y",
        page: 1,
      }),
      {},
    );
    assert.deepEqual(readInvocationSearch({ q: 42 }), { q: "42" });
  });

  it("goes back to the first page when something else is looked for", () => {
    assert.deepEqual(withPart({ page: 3, q: "x" }, "cold", true), { q: "x", cold: true });
    assert.deepEqual(withPart({ page: 3, q: "x" }, "q", undefined), {});
  });

  it("takes a whole request id for one, and all else for text", () => {
    assert.deepEqual(withText({ q: "5" }, ` ${id.toUpperCase()} `), { request: id });
    assert.deepEqual(withText({}, id.slice(1)), { q: id.slice(1) });
    assert.deepEqual(withText({ q: "x" }, ""), {});
    assert.deepEqual(withText({ request: id, page: 2 }, "x"), { q: "x" });
  });

  it("asks for a range as it is now, and for times as they were chosen", () => {
    assert.deepEqual(toQuery({ range: "15m", vm: id }, now), {
      vm_id: id,
      since: "2026-01-31T11:45:00.000Z",
    });
    assert.deepEqual(toQuery({ range: "custom", since, until }, now), { since, until });
    assert.deepEqual(toQuery({ slow: 100 }, now), { min_duration_ms: 100 });
    // A stream takes no times.
    assert.deepEqual(toFilter({ range: "custom", since, status: "error" }), { status: "error" });
  });

  it("begins a range of one's own an hour ago, and forgets its times with it", () => {
    const custom = withRange({ q: "x", page: 2 }, "custom", now);
    assert.deepEqual(custom, { q: "x", range: "custom", since: until });
    assert.deepEqual(withRange(custom, "24h", now), { q: "x", range: "24h" });
    assert.deepEqual(withRange(custom, undefined, now), { q: "x" });
  });

  it("says why new calls are not shown", () => {
    assert.equal(whyNotLive({ range: "1h" }), null);
    assert.match(whyNotLive({ page: 2 }) ?? "", /first page/);
    assert.match(whyNotLive({ range: "custom", until }) ?? "", /stretch of time/);
  });
});
