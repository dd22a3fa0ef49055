import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settle } from "../../test/support/manual-clock.ts";
import { Semaphore } from "./semaphore.ts";

const never = new AbortController().signal;

describe("Semaphore", () => {
  it("lets in no more than its limit, in the order in which they asked", async () => {
    const semaphore = new Semaphore(2);
    const gates = [0, 1, 2, 3].map(() => Promise.withResolvers<void>());
    const entered: number[] = [];
    const tasks = gates.map((gate, n) =>
      semaphore.run(() => {
        entered.push(n);
        return gate.promise;
      }, never),
    );
    await settle();
    assert.deepEqual(entered, [0, 1]);
    gates[1]?.resolve();
    await settle();
    assert.deepEqual(entered, [0, 1, 2]);
    for (const gate of gates) gate.resolve();
    await Promise.all(tasks);
    assert.deepEqual(entered, [0, 1, 2, 3]);
  });

  it("makes room again when a task fails", async () => {
    const semaphore = new Semaphore(1);
    const failed = semaphore.run(() => Promise.reject(new Error("no")), never);
    await assert.rejects(failed, { message: "no" });
    assert.equal(await semaphore.run(() => Promise.resolve("yes"), never), "yes");
  });

  it("lets a waiting task give up without taking anybody's place", async () => {
    const semaphore = new Semaphore(1);
    const gate = Promise.withResolvers<void>();
    const first = semaphore.run(() => gate.promise, never);
    const giveUp = new AbortController();
    const second = semaphore.run(() => Promise.resolve(), giveUp.signal);
    giveUp.abort(new Error("enough"));
    await assert.rejects(second, { message: "enough" });
    gate.resolve();
    await first;
    assert.equal(await semaphore.run(() => Promise.resolve("in"), never), "in");
  });
});
