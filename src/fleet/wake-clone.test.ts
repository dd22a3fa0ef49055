import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { FakeVms } from "../../test/support/fake-vms.ts";
import { specOf } from "../../test/contract/vm-driver.ts";
import type { Wake } from "../ports/runtime-client.ts";
import { systemClock } from "../os/system-clock.ts";
import { wakeClone } from "./wake-clone.ts";

/** VMs far away: time passes on the way to a clone and back, and nowhere else. */
class FarVms extends FakeVms {
  readonly #thereMs: number;
  nowMs = 0;
  /** By how much the clone's clock is early. */
  earlyMs = 0;

  constructor({ thereMs, backMs }: { readonly thereMs: number; readonly backMs: number }) {
    super();
    this.#thereMs = thereMs;
    this.confirmWith = async () => {
      const guestTime = new Date(this.nowMs + this.earlyMs);
      this.nowMs += backMs;
      return guestTime;
    };
  }

  override wake({ now }: Wake): Uint8Array {
    return this.#sent(now);
  }

  override clock(now: Date): Uint8Array {
    super.clock(now);
    return this.#sent(now);
  }

  #sent(time: Date): Uint8Array {
    this.nowMs += this.#thereMs;
    this.earlyMs = time.getTime() - this.nowMs;
    return new Uint8Array();
  }
}

describe("the clock of a clone that is woken", () => {
  const signal = AbortSignal.timeout(10_000);
  const wake = async (vms: FarVms) => {
    const clock = { ...systemClock, now: () => new Date(vms.nowMs) };
    const deps = { snapshots: vms.snapshots, runtimeClient: vms, clock };
    const image = { kind: "host", runtime: "node", argv: ["node"] } as const;
    const files = { memory: "memory", state: "state" };
    const vm = await vms.snapshots.restore(specOf(image), files, signal);
    await wakeClone(vm, "fn-a", deps, signal);
  };

  it("is right at once where the message is there soon", async () => {
    const vms = new FarVms({ thereMs: 10, backMs: 10 });
    await wake(vms);
    assert.deepEqual([vms.clockMessages, vms.earlyMs], [0, -10]);
  });

  it("is set ahead by half of the way there and back where that is long", async () => {
    const vms = new FarVms({ thereMs: 40, backMs: 40 });
    await wake(vms);
    assert.deepEqual([vms.clockMessages, vms.earlyMs], [2, 0]);
  });

  for (const [thereMs, backMs] of [
    [80, 0],
    [0, 80],
    [90, 0],
    [0, 90],
  ] as const) {
    it(`is off by 45 ms at most where it takes ${thereMs} ms there and ${backMs} ms back`, async () => {
      const vms = new FarVms({ thereMs, backMs });
      await wake(vms);
      assert.ok(Math.abs(vms.earlyMs) <= 45, `${vms.earlyMs} ms`);
    });
  }

  it("is given up where nobody can tell whether it is right, and is never set further ahead", async () => {
    const vms = new FarVms({ thereMs: 0, backMs: 100 });
    await assert.rejects(wake(vms), { code: "vm_start_failed", message: /by more than 45 ms/ });
    assert.equal(vms.earlyMs, 45);
  });
});
