import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Feed } from "./feed.ts";

describe("Feed", () => {
  it("gives those after a number, in order, and says what it has forgotten", () => {
    const feed = new Feed<string>(3);
    assert.deepEqual(
      [feed.last, feed.after(0), feed.after(1), feed.after(-1)],
      [0, [], null, null],
    );
    for (const value of ["a", "b", "c", "d"]) feed.publish(value);
    assert.equal(feed.last, 4);
    const values = (number: number) => feed.after(number)?.map(({ value }) => value) ?? null;
    assert.deepEqual([0, 1, 2, 4, 5].map(values), [null, ["b", "c", "d"], ["c", "d"], [], null]);
    assert.deepEqual(feed.after(3), [{ number: 4, value: "d" }]);
  });

  it("tells listeners, until they stop", () => {
    const feed = new Feed<number>(1);
    const heard: number[] = [];
    const stop = feed.subscribe((value) => heard.push(value));
    feed.publish(1);
    feed.publish(2);
    stop();
    feed.publish(3);
    assert.deepEqual(heard, [1, 2]);
  });
});
