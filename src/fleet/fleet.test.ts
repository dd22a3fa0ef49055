import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settle } from "../../test/support/manual-clock.ts";
import { deploy, fleetOf } from "../../test/support/memory-fleet.ts";
import { PlatformError } from "../core/errors.ts";

describe("Fleet.invoke", () => {
  it("starts one VM for all who wait, and tells them that it was a cold start", async () => {
    const { invoke, vms } = fleetOf({ maxVms: 4 });
    const boot = Promise.withResolvers<void>();
    vms.bootWith = () => boot.promise;
    const calls = ["a", "b", "c"].map((id) => invoke(id));
    await settle();
    assert.equal(vms.boots, 1);
    boot.resolve();
    await settle();
    for (const id of vms.only.running) vms.only.answer(id);
    for (const reply of await Promise.all(calls)) assert.equal(reply.status, "success");
  });

  it("does not call an invocation of a running VM a cold start", async () => {
    const { clock, fleet, invoke, record, vms } = fleetOf();
    await deploy(fleet, record);
    await clock.advance(1);
    const call = invoke("a");
    await settle();
    vms.only.answer("a");
    assert.equal((await call).coldStart, false);
  });

  it("gives each VM no more than maxConcurrency and starts more up to maxVms", async () => {
    const { invoke, vms } = fleetOf({ maxVms: 2, maxConcurrency: 2 });
    const calls = ["a", "b", "c", "d", "e"].map((id) => invoke(id));
    await settle();
    assert.equal(vms.boots, 2);
    const running = [...vms.vms.values()].map((vm) => vm.running.length);
    assert.deepEqual(running, [2, 2]);
    const [first, second] = vms.vms.values();
    for (const id of first?.running ?? []) first?.answer(id);
    await settle();
    assert.deepEqual(first?.running, ["e"]);
    first.answer("e");
    for (const id of second?.running ?? []) second?.answer(id);
    assert.equal((await Promise.all(calls)).length, 5);
  });

  it("refuses with 429 beyond the queue's length", async () => {
    const { invoke, vms } = fleetOf({}, { queueLength: 2 });
    vms.bootWith = () => new Promise(() => undefined);
    void invoke("a").catch(() => undefined);
    void invoke("b").catch(() => undefined);
    await assert.rejects(invoke("c"), { code: "queue_full", retryAfterSeconds: 1 });
  });

  const notReady = { code: "function_not_ready", message: "Function VM has no IP yet" };

  it("waits for a VM that starts longer than the handler may take, then says so as specified", async () => {
    const { clock, invoke, vms } = fleetOf();
    const boot = Promise.withResolvers<void>();
    vms.bootWith = () => boot.promise;
    const served = invoke("a", 2_000);
    await clock.advance(59_999);
    boot.resolve();
    await settle();
    vms.only.answer("a");
    assert.equal((await served).status, "success");

    const never = fleetOf();
    never.vms.bootWith = () => new Promise(() => undefined);
    const refused = assert.rejects(never.invoke("a", 2_000), notReady);
    await never.clock.advance(60_000);
    await refused;
  });

  it("waits for a place in a busy VM no longer than the function's timeout", async () => {
    const { clock, fleet, invoke, record } = fleetOf({ maxConcurrency: 1 });
    await deploy(fleet, record);
    void invoke("a");
    const refused = assert.rejects(invoke("b", 2_000), notReady);
    await clock.advance(2_000);
    await refused;
  });

  it("tells all who wait why the VM did not start", async () => {
    const { invoke, vms } = fleetOf();
    vms.bootWith = () => Promise.reject(new PlatformError("vm_start_failed", "no memory"));
    const calls = [invoke("a"), invoke("b")];
    for (const call of calls) await assert.rejects(call, { message: "no memory" });
    assert.equal(vms.vms.size, 0);
  });

  it("answers timeout in place of a guest that does not, and replaces one that is dead", async () => {
    const { clock, fleet, invoke, record, vms } = fleetOf();
    await deploy(fleet, record);
    const blocked = vms.only;
    blocked.alive = false;
    const other = assert.rejects(invoke("other"), { code: "vm_lost" });
    const call = invoke("a", 1_000);
    await clock.advance(1_120);
    assert.equal((await call).status, "timeout");
    await other;
    assert.deepEqual(vms.destroyed, [blocked.spec.id]);
    const next = invoke("next");
    await settle();
    vms.only.answer("next");
    assert.equal((await next).coldStart, false, "the manual clock did not move");
  });

  it("keeps a VM that missed a deadline but is alive", async () => {
    const { clock, fleet, invoke, record, vms } = fleetOf();
    await deploy(fleet, record);
    const call = invoke("a", 1_000);
    await clock.advance(1_120);
    assert.equal((await call).status, "timeout");
    assert.deepEqual(vms.destroyed, []);
    const next = invoke("next");
    await settle();
    vms.only.answer("next");
    assert.equal((await next).status, "success");
  });

  it("lets a VM go that asks to be replaced, after the others in it have ended", async () => {
    const { fleet, invoke, record, vms } = fleetOf();
    await deploy(fleet, record);
    const vm = vms.only;
    const other = invoke("other");
    const call = invoke("a");
    await settle();
    vm.answer("a", { replace: true });
    await call;
    assert.deepEqual(vms.destroyed, []);
    vm.answer("other");
    assert.equal((await other).status, "success");
    await settle();
    assert.deepEqual(vms.destroyed, [vm.spec.id]);
  });

  it("tells invocations in a VM that crashed, and starts another for the next", async () => {
    const { fleet, invoke, record, vms } = fleetOf();
    await deploy(fleet, record);
    const call = invoke("a");
    await settle();
    vms.only.crash();
    await assert.rejects(call, { code: "vm_lost" });
    await settle();
    const next = invoke("b");
    await settle();
    vms.only.answer("b");
    assert.equal((await next).status, "success");
  });

  it("takes the least busy VM", async () => {
    const { fleet, invoke, record, vms } = fleetOf({ minVms: 2, maxVms: 2 });
    await deploy(fleet, record);
    fleet.tend();
    await settle();
    for (const id of ["a", "b", "c", "d"]) void invoke(id).catch(() => undefined);
    await settle();
    assert.deepEqual(
      [...vms.vms.values()].map((vm) => vm.running.length),
      [2, 2],
    );
    const names = [...vms.vms.values()].map((vm) => vm.spec.name);
    assert.deepEqual(names, ["fn-hello-f", "fn-hello-f-2"]);
  });
});

describe("Fleet.stop", () => {
  it("leaves nothing of a VM that waits for its turn to start, and starts another instead", async () => {
    const { fleet, invoke, vms } = fleetOf({ maxVms: 3, maxConcurrency: 1 });
    const boots: (() => void)[] = [];
    vms.bootWith = () => new Promise((resolve) => boots.push(resolve));
    const calls = ["a", "b", "c"].map((id) => invoke(id));
    await settle();
    assert.equal(boots.length, 2, "two may start at once");
    const third = fleet.vms[2];
    assert.ok(third && fleet.stop(third.spec.id));
    boots[0]?.();
    boots[1]?.();
    await settle();
    boots[2]?.();
    await settle();
    assert.ok(![...vms.vms.keys()].includes(third.spec.id));
    assert.equal(vms.vms.size, fleet.vms.length);
    for (const vm of vms.vms.values()) for (const id of vm.running) vm.answer(id);
    assert.equal((await Promise.all(calls)).length, 3);
  });
});

describe("Fleet.tend", () => {
  it("stops a VM that was idle for long enough, and none before", async () => {
    const { clock, fleet, record, vms } = fleetOf({ idleTimeoutMs: 5_000 });
    await deploy(fleet, record);
    await clock.advance(4_999);
    fleet.tend();
    await settle();
    assert.equal(vms.vms.size, 1);
    await clock.advance(1);
    fleet.tend();
    await settle();
    assert.equal(vms.vms.size, 0);
  });

  it("does not stop a VM with an invocation in it", async () => {
    const { clock, fleet, invoke, record, vms } = fleetOf({ idleTimeoutMs: 5_000 });
    await deploy(fleet, record);
    void invoke("a").catch(() => undefined);
    await clock.advance(20_000);
    fleet.tend();
    await settle();
    assert.equal(vms.vms.size, 1);
  });

  it("keeps minVms running, and waits longer after each failure to start one", async () => {
    const { clock, fleet, vms } = fleetOf({ minVms: 1 });
    vms.bootWith = () => Promise.reject(new PlatformError("vm_start_failed", "no"));
    const bootsAfter = async (ms: number) => {
      await clock.advance(ms);
      fleet.tend();
      await settle();
      return vms.boots;
    };
    assert.equal(await bootsAfter(0), 1);
    assert.equal(await bootsAfter(999), 1);
    assert.equal(await bootsAfter(1), 2);
    assert.equal(await bootsAfter(1_999), 2);
    vms.bootWith = () => Promise.resolve();
    assert.equal(await bootsAfter(1), 3);
    assert.equal(vms.vms.size, 1);
  });
});

describe("Fleet.close", () => {
  it("lets invocations finish, takes no new one, and ends all VMs", async () => {
    const { fleet, invoke, record, vms } = fleetOf();
    await deploy(fleet, record);
    const vm = vms.only;
    const running = invoke("a");
    await settle();
    const closed = fleet.close(new PlatformError("function_not_found", "deleted"));
    await assert.rejects(invoke("b"), { code: "function_not_found" });
    vm.answer("a");
    assert.equal((await running).status, "success");
    await closed;
    assert.equal(vms.vms.size, 0);
  });

  it("ends invocations that outlast the drain time as lost", async () => {
    const { clock, fleet, invoke, record, vms } = fleetOf();
    await deploy(fleet, record);
    const lost = assert.rejects(invoke("a"), { code: "vm_lost" });
    await settle();
    const closed = fleet.close(new PlatformError("shutting_down", "bye"));
    await clock.advance(1_000);
    await Promise.all([lost, closed]);
    assert.equal(vms.vms.size, 0);
  });

  it("stops VMs that are still starting, and tells those who wait", async () => {
    const { fleet, invoke, vms } = fleetOf();
    vms.bootWith = (_spec, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error));
      });
    const waiting = assert.rejects(invoke("a"), { code: "shutting_down" });
    await settle();
    await fleet.close(new PlatformError("shutting_down", "bye"));
    await waiting;
    assert.deepEqual(fleet.vms, []);
  });

  it("ends a VM that never lets itself be taken over", async () => {
    const { fleet, invoke, vms } = fleetOf();
    vms.adoptWith = (signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error));
      });
    const waiting = assert.rejects(invoke("a"), { code: "shutting_down" });
    await settle();
    await fleet.close(new PlatformError("shutting_down", "bye"));
    await waiting;
    assert.equal(vms.vms.size, 0);
  });

  it("waits for a VM that was to go already no longer than for its invocations", async () => {
    const { fleet, invoke, record, vms } = fleetOf();
    await deploy(fleet, record);
    const vm = vms.only;
    const calls = ["a", "b"].map((id) => invoke(id));
    await settle();
    const closed = fleet.close(new PlatformError("shutting_down", "bye"));
    vm.answer("a", { replace: true });
    await settle();
    vm.answer("b");
    await Promise.all(calls);
    // The manual clock stands still, so nothing here can have waited for the drain time.
    await closed;
  });
});
