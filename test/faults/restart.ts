import assert from "node:assert/strict";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { TestManager, temporaryData, type ManagerOptions } from "../support/manager.ts";
import { waitUntil } from "../support/wait-until.ts";

const hello = "async function handler(event) { return { hello: event.name }; }";
const slow =
  "async function handler() { await new Promise((r) => setTimeout(r, 1000)); return 'done'; }";

/** What is left of functions, VMs and invocations when the manager goes, one way or the other. */
export function restartSuite(options: ManagerOptions): void {
  describe(`a restart of the manager on the ${options.driver} driver`, () => {
    let dataDir: string;
    let manager: TestManager;
    const start = () => TestManager.start({ ...options, dataDir });

    before(async () => {
      dataDir = await temporaryData();
      manager = await start();
    });
    after(async () => {
      await manager.stop();
      await rm(dataDir, { recursive: true });
    });

    const vmPids = async () => (await manager.client.listVms()).map(({ pid }) => pid ?? 0);

    it("serves every function again after kill -9, with its history, and no VM is left", async () => {
      const { id } = await manager.deploy({ name: "kept", runtime: "node", code: hello });
      await manager.client.invokeFunction(id, { name: "one" });
      assert.equal((await manager.client.listInvocations(id)).total, 1);
      const pids = await vmPids();
      assert.ok(pids.every(isAlive) && pids.length > 0);
      await manager.kill();
      await gone(pids);
      manager = await start();
      assert.deepEqual(await readdir(join(dataDir, "vms")), []);
      const item = await manager.client.getFunction("kept");
      assert.deepEqual([item.id, item.state, item.vms], [id, "ready", 0]);
      const reply = await manager.client.invokeFunction(id, { name: "two" });
      assert.deepEqual([reply.response, reply.cold_start], [{ hello: "two" }, true]);
      assert.equal((await manager.client.listInvocations(id)).total, 2);
    });

    it("finishes a deploy and an update that kill -9 cut off", async () => {
      const { id: updated } = await manager.deploy({ name: "up", runtime: "node", code: hello });
      const { id: created } = await manager.client.createFunction({
        name: "half-done",
        runtime: "node",
        code: hello,
      });
      await manager.client.updateFunction(updated, { code: hello.replace("hello:", "bye:") });
      await manager.kill();
      manager = await start();
      for (const id of [created, updated]) {
        const item = await manager.settled(id);
        assert.deepEqual([item.state, item.deployed_revision], ["ready", item.revision]);
      }
      const reply = await manager.client.invokeFunction(updated, { name: "x" });
      assert.deepEqual(reply.response, { bye: "x" });
    });

    it("forgets no acknowledged creation, however soon it is killed", async () => {
      const names = Array.from({ length: 20 }, (_, n) => `burst-${n}`);
      const acknowledged: string[] = [];
      const creating = names.map(async (name) => {
        const { id } = await manager.client.createFunction({ name, runtime: "node", code: hello });
        acknowledged.push(id);
      });
      await Promise.race(creating);
      await manager.kill();
      await Promise.allSettled(creating);
      assert.ok(acknowledged.length > 0);
      manager = await start();
      const known = (await manager.client.listFunctions({ limit: 1000 })).map(({ id }) => id);
      assert.deepEqual(
        acknowledged.filter((id) => !known.includes(id)),
        [],
      );
      for (const name of names) await manager.client.deleteFunction(name).catch(() => undefined);
    });

    it("lets running invocations finish on SIGTERM, keeps their records, and ends with 0", async () => {
      const { id } = await manager.deploy({ name: "slow", runtime: "node", code: slow });
      const pids = await vmPids();
      const running = manager.client.invokeFunction(id);
      await waitUntil("it runs", async () =>
        (await manager.client.listVms()).some(({ in_flight }) => in_flight > 0),
      );
      const status = await manager.stop();
      assert.equal((await running).response, "done");
      assert.equal(status, 0, manager.output);
      await gone(pids);
      manager = await start();
      assert.equal((await manager.client.listInvocations(id)).total, 1);
    });

    it("refuses a second manager on the same data folder", async () => {
      await assert.rejects(start(), /data folder/);
      assert.equal((await manager.client.getHealth()).status, "ok");
    });
  });
}

function gone(pids: number[]): Promise<void> {
  return waitUntil("the VMs are gone", () => !pids.some(isAlive), 10_000);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // ESRCH: there is no such process.
    return false;
  }
}
