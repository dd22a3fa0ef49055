import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeAgents } from "../../test/support/fake-agents.ts";
import { deploy, fleetOf } from "../../test/support/memory-fleet.ts";
import { GuestAgents } from "./guest-agents.ts";
import type { VmFigures } from "./vm-figures.ts";
import { VmMonitor } from "./vm-monitor.ts";

/** A VM that runs, and a monitor that has begun. */
async function monitored() {
  const { clock, fleet, record, vms } = fleetOf({ vcpus: 2, idleTimeoutMs: 1e9 });
  await deploy(fleet, record);
  const client = new FakeAgents();
  const agents = new GuestAgents(vms, client);
  const monitor = new VmMonitor({ clock, driver: vms, agents, vms: () => fleet.vms });
  monitor.start();
  await clock.advance(0);
  const [vm] = fleet.vms;
  assert.ok(vm);
  const watch = () => {
    const seen: VmFigures[] = [];
    const ends: string[] = [];
    const stop = monitor.watch(vm, {
      onFigures: (figures) => void seen.push(figures),
      onEnd: (reason) => void ends.push(reason),
    });
    return { seen, ends, stop };
  };
  /** Passes a second in which the VM works for so long. */
  const work = async (vmmMs: number, guestMs: number) => {
    vms.only.use = { ...vms.only.use, cpuMs: vms.only.use.cpuMs + vmmMs };
    for (const agent of client.agents) {
      const { busyMs, totalMs } = agent.use.cpu;
      agent.use = { ...agent.use, cpu: { busyMs: busyMs + guestMs, totalMs: totalMs + 2_000 } };
    }
    await clock.advance(1_000);
  };
  return { agents: client, clock, fleet, monitor, vm, vms, watch, work };
}

describe("VmMonitor", () => {
  it("gives each viewer each second's figures, of one measurement, by what passed in it", async () => {
    const { agents, clock, watch, work } = await monitored();
    const one = watch();
    const two = watch();
    await clock.advance(0);
    await work(500, 1_000);
    await work(2_100, 0);
    const seen = one.seen.map(({ guest, vmm }) => [guest?.cpuPercent, vmm.cpuPercent]);
    assert.deepEqual(seen, [
      [50, 25],
      [0, 105],
    ]);
    assert.deepEqual(two.seen, one.seen);
    assert.equal(agents.only.measured, 3);
  });

  it("asks no guest that nobody looks at, and goes back to that", async () => {
    const { agents, clock, monitor, vm, watch } = await monitored();
    // A VM has its first figures soon, and then now and then.
    await clock.advance(1_000);
    assert.equal(monitor.history(vm.spec.id).length, 1);
    await clock.advance(24_000);
    assert.equal(agents.agents.length, 0);
    assert.equal(monitor.history(vm.spec.id).length, 3);
    assert.equal(monitor.latest(vm.spec.id)?.guest, null);
    const { seen, stop } = watch();
    await clock.advance(2_000);
    assert.equal(seen.length, 2);
    stop();
    const { measured } = agents.only;
    await clock.advance(30_000);
    assert.equal(agents.only.measured, measured);
    assert.equal(seen.length, 2);
  });

  it("keeps 15 minutes", async () => {
    const { clock, monitor, vm } = await monitored();
    await clock.advance(3_600_000);
    const history = monitor.history(vm.spec.id);
    assert.equal(history.length, 91);
    const [first, last] = [history[0], history.at(-1)];
    assert.ok(first && last);
    assert.equal(last.at.getTime() - first.at.getTime(), 900_000);
  });

  it("goes on without what a guest does not say", async () => {
    const { agents, clock, watch, work } = await monitored();
    const { seen } = watch();
    await clock.advance(0);
    agents.only.answers = false;
    await work(200, 200);
    agents.only.answers = true;
    await work(200, 200);
    await work(200, 200);
    assert.deepEqual(
      seen.map(({ guest, vmm }) => [guest?.cpuPercent, vmm.cpuPercent]),
      [
        [undefined, 10],
        [undefined, 10],
        [10, 10],
      ],
    );
  });

  it("has no figures below nothing, or of a guest above all", async () => {
    const { clock, watch, work } = await monitored();
    const { seen } = watch();
    await clock.advance(0);
    await work(-500, -500);
    await work(0, 9_000);
    assert.deepEqual(
      seen.map(({ guest, vmm }) => [guest?.cpuPercent, vmm.cpuPercent]),
      [
        [0, 0],
        [100, 0],
      ],
    );
  });

  it("tells viewers once when their VM has gone, and forgets it", async () => {
    const { clock, monitor, vm, vms, watch, work } = await monitored();
    const { seen, ends } = watch();
    await clock.advance(0);
    await work(1, 1);
    vms.only.crash();
    await clock.advance(5_000);
    assert.deepEqual(ends, [`VM "${vm.spec.name}" has gone`]);
    assert.equal(seen.length, 1);
    assert.deepEqual(monitor.history(vm.spec.id), []);
  });

  it("tells viewers why it stops, those that come later too", async () => {
    const { clock, monitor, watch } = await monitored();
    const early = watch();
    monitor.close("The manager is stopping");
    const late = watch();
    await clock.advance(20_000);
    assert.deepEqual(early.ends, ["The manager is stopping"]);
    assert.deepEqual(late.ends, early.ends);
    assert.deepEqual(early.seen, []);
  });
});
