import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settle } from "../../test/support/manual-clock.ts";
import { deploy, fleetOf } from "../../test/support/memory-fleet.ts";
import { MemorySnapshots } from "../../test/support/memory-snapshots.ts";
import { PlatformError } from "../core/errors.ts";
import { wantedRevision } from "../core/function.ts";

const base = "base-node-1cpu-256mib";

/** A fleet whose VMs are clones of snapshots. */
function clonedFleet(fields: Parameters<typeof fleetOf>[0] = {}, capacity?: { vms: number }) {
  const store = new MemorySnapshots();
  const host = capacity && { ...capacity, memoryMib: 100_000 };
  return {
    store,
    ...fleetOf(fields, { store, queueLength: 1000, ...(host && { capacity: host }) }),
  };
}

describe("Fleet with snapshots", () => {
  it("deploys by a base, a function snapshot and a clone of it", async () => {
    const { fleet, record, store, vms } = clonedFleet({ deployed: null });
    let booted = false;
    const signal = new AbortController().signal;
    await fleet.rollout(wantedRevision(record), { signal, onBooted: () => (booted = true) });
    assert.deepEqual(store.names, [base, "function-f-1"]);
    assert.deepEqual([vms.boots, vms.restores, booted], [1, 2, true]);
    assert.equal(vms.only.revision, 1);
    assert.equal(fleet.vms[0]?.restoredFrom, "function-f-1");
  });

  it("wakes by one restore for all who wait", async () => {
    const { fleet, invoke, record, vms } = clonedFleet({ maxVms: 4 });
    await deploy(fleet, record);
    fleet.stop(vms.only.spec.id);
    await settle();
    vms.restores = 0;
    const calls = Array.from({ length: 200 }, (_, n) => invoke(`call-${n}`));
    await settle();
    assert.deepEqual([vms.boots, vms.restores, vms.only.running.length], [1, 1, 200]);
    for (const id of vms.only.running) vms.only.answer(id);
    for (const reply of await Promise.all(calls)) assert.equal(reply.status, "success");
  });

  it("refuses code that does not load, and leaves neither snapshot nor VM of it", async () => {
    const { fleet, record, store, vms } = clonedFleet({ deployed: null });
    vms.loadWith = () => ({ loaded: false, message: "SyntaxError", logs: [] });
    await assert.rejects(deploy(fleet, record), { code: "code_rejected", message: "SyntaxError" });
    assert.deepEqual(store.names, [base]);
    assert.equal(vms.vms.size, 0);
  });

  it("sets a snapshot aside whose clone does not come up, and clones a new one", async () => {
    const { fleet, invoke, record, store, vms } = clonedFleet();
    await deploy(fleet, record);
    fleet.stop(vms.only.spec.id);
    await settle();
    let failures = 0;
    vms.restoreWith = ({ template }) => {
      if (template !== undefined || (failures += 1) > 1) return Promise.resolve();
      return Promise.reject(new PlatformError("vm_start_failed", "bad state"));
    };
    const call = invoke("a");
    await settle();
    vms.only.answer("a");
    assert.equal((await call).status, "success");
    assert.deepEqual(store.aside, ["its clone did not come up: bad state"]);
    assert.deepEqual([vms.boots, store.names], [1, [base, "function-f-1"]]);
  });

  it("boots where no clone comes up at all", async () => {
    const { fleet, invoke, record, vms } = clonedFleet();
    await deploy(fleet, record);
    fleet.stop(vms.only.spec.id);
    await settle();
    vms.confirmWith = () => Promise.reject(new PlatformError("vm_lost", "no answer"));
    const call = invoke("a");
    await settle();
    vms.only.answer("a");
    assert.equal((await call).status, "success");
    assert.equal(fleet.vms[0]?.restoredFrom, null);
  });

  it("destroys a clone whose clock cannot be set right", async () => {
    const { fleet, record, vms } = clonedFleet();
    const late = 46;
    vms.confirmWith = ({ now }) => Promise.resolve(new Date(now.getTime() - late));
    await deploy(fleet, record);
    assert.ok(vms.clockMessages >= 3);
    assert.equal(fleet.vms[0]?.restoredFrom, null, "it booted in the end");
  });

  it("makes the snapshot of hot-loaded code when that has stayed, and drops the old one", async () => {
    const { clock, fleet, record, store } = clonedFleet();
    await deploy(fleet, record);
    for (const revision of [2, 3, 4]) {
      await deploy(fleet, { ...record, revision, code: `code ${revision}` });
      await clock.advance(1_000);
    }
    assert.deepEqual(store.names, [base, "function-f-1"], "not while newer code keeps coming");
    await clock.advance(2_000);
    assert.deepEqual(store.names, [base, "function-f-4"]);
  });

  it("keeps a VM standing by, wakes it first, and not one with old code", async () => {
    const { clock, fleet, invoke, record, vms } = clonedFleet();
    await deploy(fleet, record);
    fleet.stop(vms.only.spec.id);
    await settle();
    assert.equal(fleet.sleeps, true);
    await fleet.holdStandby();
    const standby = vms.only.spec.id;
    assert.deepEqual([fleet.sleeps, fleet.vms[0]?.state], [true, "standby"]);
    vms.restores = 0;
    const call = invoke("a");
    await settle();
    assert.equal(vms.only.spec.id, standby);
    assert.equal(vms.restores, 0);
    vms.only.answer("a");
    await call;

    fleet.stop(standby);
    await settle();
    await fleet.holdStandby();
    await deploy(fleet, { ...record, revision: 2, code: "new" });
    await clock.advance(1);
    assert.equal(fleet.hasStandby, false);
    assert.equal(vms.only.revision, 2);
  });

  it("forgets a VM that ended while it stood by", async () => {
    const { fleet, invoke, record, vms } = clonedFleet();
    await deploy(fleet, record);
    fleet.stop(vms.only.spec.id);
    await settle();
    await fleet.holdStandby();
    vms.only.crash();
    await settle();
    assert.equal(fleet.hasStandby, false);
    const call = invoke("a");
    await settle();
    vms.only.answer("a");
    assert.equal((await call).status, "success");
  });

  it("tells that the host is full, and does not hold it against the function", async () => {
    const { clock, fleet, invoke, record } = clonedFleet({}, { vms: 0 });
    const call = assert.rejects(invoke("a"), { code: "host_full" });
    await settle();
    await clock.advance(10_000);
    await call;
    const minimum = { ...record, minVms: 1 };
    fleet.configure(minimum);
    fleet.tend();
    assert.equal(fleet.vms.length, 1, "it is tried again at once");
  });

  it("adds a VM for a function without a limit of its own when very much runs at once", async () => {
    const { fleet, invoke, record, vms } = clonedFleet({ maxVms: 3 });
    await deploy(fleet, record);
    for (let n = 0; n < 100; n += 1) void invoke(`call-${n}`).catch(() => undefined);
    await settle();
    assert.equal(fleet.vms.length, 1);
    fleet.tend();
    await settle();
    fleet.tend();
    await settle();
    assert.equal(vms.vms.size, 2, "100 invocations are no load for two");
  });
});
