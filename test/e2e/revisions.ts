import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import type { FunctionItem, RevisionItem } from "../../src/api/functions.ts";
import { temporaryData, TestManager, type ManagerOptions } from "../support/manager.ts";

/** A function whose answer shows all that a revision has. */
function answers(word: string): string {
  return `async function handler() { return ["${word}", process.env.WORD]; }`;
}

const broken = "async function handler() {\n  return {;\n}\n";

/** What a user sees of revisions and rollbacks through the manager, on one driver. */
export function revisionsSuite(options: ManagerOptions): void {
  describe(`revisions on the ${options.driver} driver`, () => {
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

    const deploy = (name: string) =>
      manager.deploy({ name, runtime: "node", code: answers("one"), env: { WORD: "eins" } });
    const update = async (id: string, changes: Partial<Pick<FunctionItem, "code" | "env">>) => {
      await manager.client.updateFunction(id, changes);
      return manager.settled(id);
    };
    const rollBack = async (id: string, revision: number) => {
      await manager.client.rollbackFunction(id, revision);
      return manager.settled(id);
    };
    const answer = async (id: string) => {
      const { status, response } = await manager.client.invokeFunction(id);
      assert.equal(status, "success");
      return response;
    };
    const fates = async (id: string) => (await manager.client.listRevisions(id)).map(fate);

    it("goes back to an earlier revision as a new one, and leaves settings as they are", async () => {
      const { id } = await deploy("back");
      await update(id, { code: answers("two"), env: { WORD: "zwei" } });
      await update(id, { code: answers("three") });
      await manager.client.updateFunction(id, { timeout_seconds: 7 });
      assert.deepEqual(await answer(id), ["three", "zwei"]);
      const accepted = await manager.client.rollbackFunction("back", 1);
      assert.deepEqual(
        [accepted.revision, accepted.deployed_revision, accepted.code],
        [4, 3, answers("one")],
      );
      const item = await manager.settled(id);
      assert.deepEqual(
        [item.state, item.deployed_revision, item.env, item.timeout_seconds, item.name],
        ["ready", 4, { WORD: "eins" }, 7, "back"],
      );
      assert.deepEqual(await answer(id), ["one", "eins"]);
      assert.deepEqual(await fates(id), [
        "4 deployed served wanted",
        "3 served",
        "2 served",
        "1 served",
      ]);
    });

    it("changes nothing where the function asks for that already, however often", async () => {
      const { id, updated_at } = await deploy("same");
      for (const revision of [1, 1]) {
        const item = await manager.client.rollbackFunction(id, revision);
        assert.deepEqual([item.revision, item.updated_at], [1, updated_at]);
      }
      await update(id, { code: answers("two") });
      await rollBack(id, 1);
      const repeated = await manager.client.rollbackFunction(id, 1);
      assert.equal(repeated.revision, 3);
      assert.deepEqual(await fates(id), ["3 deployed served wanted", "2 served", "1 served"]);
    });

    it("tells a revision that failed, and takes it back where it is asked to", async () => {
      const { id } = await deploy("failing");
      const bad = await update(id, { code: broken });
      assert.deepEqual([bad.revision, bad.deployed_revision], [2, 1]);
      const [newest] = await manager.client.listRevisions(id);
      assert.match(newest?.error ?? "", /SyntaxError.*handler\.js:2/);
      assert.deepEqual(await fates(id), ["2 wanted failed", "1 deployed served"]);
      const back = await rollBack(id, 1);
      assert.deepEqual([back.last_error, back.deployed_revision], [null, 3]);
      assert.deepEqual(await answer(id), ["one", "eins"]);
      const again = await rollBack(id, 2);
      assert.match(again.last_error ?? "", /SyntaxError/);
      assert.deepEqual(await answer(id), ["one", "eins"]);
      // It asks for that already, but its deploy failed: that is tried again.
      const retried = await manager.client.rollbackFunction(id, 2);
      assert.deepEqual([retried.revision, retried.last_error], [5, null]);
      await manager.settled(id);
      assert.deepEqual(await fates(id), [
        "5 wanted failed",
        "4 failed",
        "3 deployed served",
        "2 failed",
        "1 served",
      ]);
    });

    it("goes back to a revision with another size", async () => {
      const { id } = await deploy("smaller");
      await manager.client.updateFunction(id, { memory_mb: 320, code: answers("two") });
      await manager.settled(id);
      const item = await rollBack(id, 1);
      assert.deepEqual([item.memory_mb, item.deployed_revision], [256, 3]);
      const vms = await manager.client.listVms();
      const serving = vms.find((vm) => vm.id === item.vm_id);
      assert.equal(serving?.memory_mb, 256);
      assert.deepEqual(await answer(id), ["one", "eins"]);
    });

    it("keeps the last ten, and lists them where another is asked for", async () => {
      const { id } = await deploy("many");
      for (let revision = 2; revision <= 12; revision += 1) {
        await update(id, { code: answers(`number ${revision}`) });
      }
      const kept = [12, 11, 10, 9, 8, 7, 6, 5, 4, 3];
      const revisions = await manager.client.listRevisions(id);
      assert.deepEqual(
        revisions.map(({ revision, code }) => [revision, code]),
        kept.map((revision) => [revision, answers(`number ${revision}`)]),
      );
      for (const revision of [2, 13]) {
        await assert.rejects(manager.client.rollbackFunction(id, revision), {
          status: 404,
          code: "revision_not_found",
          message: `Cannot roll back function "many" to revision ${revision}: found revisions ${kept.join(", ")}, want one of them`,
        });
      }
      await rollBack(id, 3);
      assert.deepEqual(await answer(id), ["number 3", "eins"]);
    });

    it("keeps them across kill -9, and goes back to one from before it", async () => {
      const { id } = await deploy("restarted");
      await update(id, { code: answers("two") });
      const { env, last_error } = await update(id, { code: broken });
      assert.deepEqual([env, last_error === null], [{ WORD: "eins" }, false]);
      const kept = await manager.client.listRevisions(id);
      await manager.kill();
      manager = await start();
      assert.deepEqual(await manager.client.listRevisions(id), kept);
      assert.deepEqual(kept.map(fate), ["3 wanted failed", "2 deployed served", "1 served"]);
      await rollBack(id, 1);
      assert.deepEqual(await answer(id), ["one", "eins"]);
    });

    it("forgets those of a deleted function, also for the next of its name", async () => {
      const { id } = await deploy("deleted");
      await update(id, { code: answers("two") });
      await manager.client.deleteFunction(id);
      const gone = { status: 404, code: "function_not_found" };
      await assert.rejects(manager.client.listRevisions(id), gone);
      await assert.rejects(manager.client.rollbackFunction(id, 1), gone);
      await deploy("deleted");
      assert.deepEqual(await fates("deleted"), ["1 deployed served wanted"]);
    });
  });
}

function fate({ revision, deployed, deployed_at, wanted, error }: RevisionItem): string {
  const served = deployed_at !== null && "served";
  return [revision, deployed && "deployed", served, wanted && "wanted", error && "failed"]
    .filter(Boolean)
    .join(" ");
}
