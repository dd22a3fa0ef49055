import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settle } from "../../test/support/manual-clock.ts";
import { deploy, fleetOf } from "../../test/support/memory-fleet.ts";
import type { VmChange } from "../core/change.ts";
import { PlatformError } from "../core/errors.ts";

/** A fleet, and what it says of its VMs, in short. */
function toldBy(fields: Parameters<typeof fleetOf>[0] = {}) {
  const told: string[] = [];
  const changes = {
    changed: (change: unknown) => {
      const { previousState, state, reason } = change as VmChange;
      told.push(`${previousState} → ${state}${reason === null ? "" : `: ${reason}`}`);
    },
  };
  return { ...fleetOf(fields, { changes }), told };
}

const cameUp = ["null → booting", "booting → adopting", "adopting → standby", "standby → running"];

describe("Fleet, telling of its VMs", () => {
  it("tells each state of a VM once, and why it goes", async () => {
    const { clock, fleet, record, told } = toldBy({ idleTimeoutMs: 1_000 });
    await deploy(fleet, record);
    assert.deepEqual(told, cameUp);
    await clock.advance(1_000);
    fleet.tend();
    fleet.tend();
    await settle();
    assert.deepEqual(told.slice(cameUp.length), [
      "running → stopping: It was idle",
      "stopping → gone: It was idle",
    ]);
  });

  it("tells why a VM did not come up", async () => {
    const { fleet, record, told, vms } = toldBy();
    vms.bootWith = () => Promise.reject(new PlatformError("vm_start_failed", "no memory"));
    await assert.rejects(deploy(fleet, record));
    assert.deepEqual(told, [
      "null → booting",
      "booting → stopping: no memory",
      "stopping → gone: no memory",
    ]);
  });

  it("tells that a VM ended by itself, and of the one in its place", async () => {
    const { fleet, invoke, record, told, vms } = toldBy();
    await deploy(fleet, record);
    vms.only.crash();
    await settle();
    assert.deepEqual(told.slice(cameUp.length), [
      "running → stopping: It ended by itself: crashed",
      "stopping → gone: It ended by itself: crashed",
    ]);
    const call = invoke("a");
    await settle();
    vms.only.answer("a");
    await call;
    assert.deepEqual(told.slice(cameUp.length + 2), cameUp);
  });
});
