import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settle } from "../../test/support/manual-clock.ts";
import { Bell } from "./bell.ts";

describe("Bell", () => {
  it("wakes its reader once for however often it was rung, and keeps what nobody waited for", async () => {
    const bell = new Bell();
    let heard = 0;
    const listen = () => void bell.rung().then(() => (heard += 1));
    listen();
    await settle();
    assert.equal(heard, 0);
    bell.ring();
    bell.ring();
    await settle();
    assert.equal(heard, 1);
    listen();
    await settle();
    assert.equal(heard, 1);
    bell.ring();
    await settle();
    bell.ring();
    await bell.rung();
    assert.equal(heard, 2);
  });
});
