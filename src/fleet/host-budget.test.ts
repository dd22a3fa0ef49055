import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ManualClock, settle } from "../../test/support/manual-clock.ts";
import { HostBudget } from "./host-budget.ts";

const never = new AbortController().signal;

function budgetOf(vms: number, memoryMib: number) {
  const clock = new ManualClock();
  return { clock, budget: new HostBudget({ vms, memoryMib }, clock) };
}

describe("HostBudget", () => {
  it("lets VMs wait for memory, in the order in which they asked", async () => {
    const { budget } = budgetOf(10, 1024);
    let full = 0;
    budget.onFull = () => (full += 1);
    const first = await budget.acquire(768, never);
    const admitted: string[] = [];
    const large = budget.acquire(512, never).then((share) => (admitted.push("large"), share));
    const small = budget.acquire(128, never).then((share) => (admitted.push("small"), share));
    await settle();
    assert.deepEqual([admitted, full, budget.isAwaited], [[], 2, true]);
    assert.equal(budget.hasRoom(1), false, "nobody overtakes those who wait");
    first.release();
    first.release();
    await Promise.all([large, small]);
    assert.deepEqual([admitted, budget.isAwaited], [["large", "small"], false]);
    assert.equal(budget.hasRoom(512), false, "a share is given back once");
    assert.equal(budget.hasRoom(384), true);
  });

  it("bounds the number of VMs, too", async () => {
    const { budget } = budgetOf(1, 1024);
    const one = await budget.acquire(1, never);
    const two = budget.acquire(1, never);
    await settle();
    one.release();
    (await two).release();
  });

  it("says what is full when the wait is over, or would never end", async () => {
    const { budget, clock } = budgetOf(4, 1024);
    await budget.acquire(1000, never);
    const late = assert.rejects(budget.acquire(100, never), {
      code: "host_full",
      message: "Host is full: its VMs hold 1000 of 1024 MiB and are 1 of 4; one more wants 100 MiB",
      retryAfterSeconds: 5,
    });
    await clock.advance(10_000);
    await late;
    await assert.rejects(budget.acquire(2048, never), { code: "host_full" });
  });

  it("lets others pass when one who waits gives up", async () => {
    const { budget } = budgetOf(4, 1024);
    await budget.acquire(512, never);
    const giveUp = new AbortController();
    const large = assert.rejects(budget.acquire(1000, giveUp.signal), { message: "enough" });
    const small = budget.acquire(512, never);
    await settle();
    giveUp.abort(new Error("enough"));
    await large;
    (await small).release();
  });
});
