import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settle } from "../../test/support/manual-clock.ts";
import { SharedTasks } from "./shared-tasks.ts";

const never = new AbortController().signal;
const fail = () => Promise.reject(new Error("no"));

/** Tasks that wait for the test, and what became of each. */
function waitingTasks() {
  const started: { end: PromiseWithResolvers<string>; signal: AbortSignal }[] = [];
  const start = (signal: AbortSignal) => {
    const end = Promise.withResolvers<string>();
    signal.addEventListener("abort", () => end.reject(signal.reason));
    started.push({ end, signal });
    return end.promise;
  };
  return { started, start };
}

describe("SharedTasks", () => {
  it("runs a task once for all who want it, and again for those who come later", async () => {
    const tasks = new SharedTasks<string>();
    const { started, start } = waitingTasks();
    const both = Promise.all([tasks.run("a", never, start), tasks.run("a", never, start)]);
    const other = tasks.run("b", never, start);
    assert.equal(started.length, 2);
    started[0]?.end.resolve("one");
    started[1]?.end.resolve("two");
    assert.deepEqual(await both, ["one", "one"]);
    assert.equal(await other, "two");
    const again = tasks.run("a", never, start);
    started[2]?.end.resolve("three");
    assert.equal(await again, "three");
  });

  it("goes on for the others when one leaves, and ends when nobody is left", async () => {
    const tasks = new SharedTasks<string>();
    const { started, start } = waitingTasks();
    const [first, second] = [new AbortController(), new AbortController()];
    const one = tasks.run("a", first.signal, start);
    const two = tasks.run("a", second.signal, start);
    first.abort(new Error("enough"));
    await assert.rejects(one, { message: "enough" });
    assert.equal(started[0]?.signal.aborted, false);
    second.abort(new Error("me too"));
    await assert.rejects(two, { message: "me too" });
    assert.equal(started[0]?.signal.aborted, true);
    const anew = tasks.run("a", never, start);
    await settle();
    assert.equal(started.length, 2);
    started[1]?.end.resolve("anew");
    assert.equal(await anew, "anew");
  });

  it("knows when nothing runs any more, what was given up included", async () => {
    const tasks = new SharedTasks<void>();
    const end = Promise.withResolvers<void>();
    const giveUp = new AbortController();
    const left = tasks.run("a", giveUp.signal, () => end.promise);
    giveUp.abort(new Error("enough"));
    await assert.rejects(left, { message: "enough" });
    let settled = false;
    const waited = tasks.settled().then(() => (settled = true));
    await settle();
    assert.equal(settled, false);
    end.resolve();
    await waited;
  });

  it("tells all of a failure, and forgets it", async () => {
    const tasks = new SharedTasks<string>();
    const calls = [tasks.run("a", never, fail), tasks.run("a", never, fail)];
    for (const call of calls) await assert.rejects(call, { message: "no" });
    assert.equal(await tasks.run("a", never, () => Promise.resolve("yes")), "yes");
  });
});
