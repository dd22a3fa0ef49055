import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settle } from "../../test/support/manual-clock.ts";
import { deploy, fleetOf } from "../../test/support/memory-fleet.ts";
import { wantedRevision } from "../core/function.ts";

describe("Fleet.rollout", () => {
  it("loads new code into the running VM and starts no other", async () => {
    const { fleet, record, vms } = fleetOf();
    await deploy(fleet, record);
    await deploy(fleet, { ...record, revision: 2, code: "new" });
    assert.equal(vms.boots, 1);
    assert.equal(vms.only.revision, 2);
  });

  it("leaves the old revision serving when the new one does not load", async () => {
    const { fleet, invoke, record, vms } = fleetOf();
    await deploy(fleet, record);
    vms.loadWith = () => ({ loaded: false, message: "SyntaxError (handler.js:1)", logs: [] });
    await assert.rejects(deploy(fleet, { ...record, revision: 2, code: "bad" }), {
      code: "code_rejected",
      message: "SyntaxError (handler.js:1)",
    });
    assert.equal(vms.only.revision, 1);
    const call = invoke("a");
    await settle();
    vms.only.answer("a");
    assert.equal((await call).status, "success");
  });

  it("starts a new VM for more memory, then lets the old one finish and go", async () => {
    const { fleet, invoke, record, vms } = fleetOf();
    await deploy(fleet, record);
    const old = vms.only;
    const running = invoke("a");
    await settle();
    await deploy(fleet, { ...record, revision: 2, memoryMib: 512 });
    const next = invoke("b");
    await settle();
    const fresh = [...vms.vms.values()].find((vm) => vm !== old);
    assert.equal(fresh?.spec.memoryMib, 512);
    assert.deepEqual(fresh.running, ["b"]);
    old.answer("a");
    fresh.answer("b");
    assert.deepEqual(
      (await Promise.all([running, next])).map(({ revision }) => revision),
      [1, 2],
    );
    await settle();
    assert.deepEqual(vms.destroyed, [old.spec.id]);
  });

  it("leaves no VM behind when the first revision does not load", async () => {
    const { fleet, record, vms } = fleetOf({ deployed: null });
    vms.loadWith = () => ({ loaded: false, message: "no handler", logs: [] });
    await assert.rejects(deploy(fleet, record), { code: "code_rejected" });
    assert.equal(vms.vms.size, 0);
    assert.deepEqual(fleet.vms, []);
  });

  it("brings a VM up to date that was starting with the old revision meanwhile", async () => {
    const { fleet, invoke, record, vms } = fleetOf({ maxVms: 2, maxConcurrency: 1 });
    await deploy(fleet, record);
    const boot = Promise.withResolvers<void>();
    vms.bootWith = () => boot.promise;
    void invoke("a").catch(() => undefined);
    void invoke("b").catch(() => undefined);
    await settle();
    await deploy(fleet, { ...record, revision: 2, code: "new" });
    boot.resolve();
    await settle();
    assert.deepEqual(
      [...vms.vms.values()].map((vm) => vm.revision),
      [2, 2],
    );
  });

  it("brings up to date what came up with the old revision while the new one booted", async () => {
    const { clock, fleet, invoke, record, vms } = fleetOf();
    const boots: (() => void)[] = [];
    vms.bootWith = () => new Promise((resolve) => boots.push(resolve));
    const woken = invoke("a");
    await settle();
    const deployed = deploy(fleet, { ...record, revision: 2, code: "new" });
    await settle();
    boots[0]?.();
    await settle();
    boots[1]?.();
    await deployed;
    await settle();
    assert.deepEqual(
      [...vms.vms.values()].map((vm) => vm.revision),
      [2, 2],
    );
    for (const vm of vms.vms.values()) for (const id of vm.running) vm.answer(id);
    assert.equal((await woken).status, "success");
    await clock.advance(1);
    fleet.tend();
    await settle();
    assert.equal(vms.vms.size, 1, "no more than max_vms are kept");
  });

  it("wakes the old revision for those who wait when the new one is refused", async () => {
    const { fleet, invoke, record, vms } = fleetOf();
    vms.loadWith = ({ revision }) =>
      revision === 1 ? { loaded: true, logs: [] } : { loaded: false, message: "bad", logs: [] };
    const refused = assert.rejects(deploy(fleet, { ...record, revision: 2, code: "bad" }));
    const waiting = invoke("a");
    await refused;
    await settle();
    vms.only.answer("a");
    assert.equal((await waiting).revision, 1);
  });

  it("gives up a load that never ends soon after it is not wanted any more", async () => {
    const { clock, fleet, record, vms } = fleetOf();
    await deploy(fleet, record);
    const newer = new AbortController();
    vms.loadWith = (_bundle, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error));
      });
    const stuck = fleet.rollout({ ...wantedRevision(record), revision: 2 }, newer);
    const superseded = assert.rejects(stuck, { message: "newer" });
    newer.abort(new Error("newer"));
    await clock.advance(1_000);
    await superseded;
  });
});
