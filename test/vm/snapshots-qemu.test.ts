import assert from "node:assert/strict";
import { open, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { VmItem } from "../../src/api/vms.ts";
import { TestManager, temporaryData } from "../support/manager.ts";
import { describeOnQemu } from "../support/vm-images.ts";
import { passTime, waitUntil } from "../support/wait-until.ts";

const echo = "async function handler(event) { return event; }";

/** A handler that says which revision it is, before and after a wait, so that a mixture shows. */
const sayRevision = (revision: number) => `
const atTop = ${revision};
async function handler(event) {
  const first = ${revision};
  await new Promise((resolve) => setTimeout(resolve, 5));
  return { first, atTop, env: Number(process.env.REVISION), last: ${revision} };
}`;

await describeOnQemu((images) => {
  describe("functions as snapshots, in microVMs", () => {
    let dataDir = "";
    let manager: TestManager;
    before(async () => {
      dataDir = await temporaryData();
      manager = await startManager();
    });
    after(() => manager.stop());

    const startManager = (env = {}) =>
      TestManager.start({
        driver: "qemu",
        images,
        dataDir,
        env: { FIRELET_STANDBY_VMS: "0", ...env },
      });
    const invoke = (name: string, event: unknown = {}) =>
      manager.client.invokeFunction(name, event);
    const vmsOf = async (id: string): Promise<VmItem[]> =>
      (await manager.client.listVms()).filter((vm) => vm.function_id === id);
    const putToSleep = async (id: string) => {
      const awake = await vmsOf(id);
      for (const vm of awake) await manager.client.deleteVm(vm.id);
      // Another may stand by as soon as they have.
      const remain = async () =>
        (await vmsOf(id)).filter((vm) => awake.some((one) => one.id === vm.id));
      await waitUntil("its VMs have gone", async () => (await remain()).length === 0, 20_000);
    };
    const snapshots = async () => (await readdir(join(dataDir, "snapshots"))).toSorted();

    it("deploys a function as a snapshot, and wakes it by cloning that", async () => {
      const { id, state } = await manager.deploy({ name: "echo", runtime: "node", code: echo });
      assert.equal(state, "ready");
      const [first] = await vmsOf(id);
      assert.equal(first?.restored_from, `function-${id}-1`);
      assert.deepEqual(await snapshots(), [
        "base-node-1cpu-256mib",
        `function-${id}-1`,
        "set-aside",
      ]);
      await putToSleep(id);
      const reply = await invoke("echo", { n: 1 });
      assert.deepEqual(
        [reply.status, reply.response, reply.cold_start],
        ["success", { n: 1 }, true],
      );
      const host = await manager.client.getHost();
      assert.equal(host.use.snapshots, 2);
      assert.ok(host.use.snapshot_disk_bytes < 2 * 256 * 2 ** 20);
    });

    it("keeps what the code has set up when it loaded, in every clone", async () => {
      const code = `const made = { pid: process.pid, at: Date.now(), random: Math.random() };
        async function handler() { return { made, fresh: Math.random(), now: Date.now() }; }`;
      const { id } = await manager.deploy({ name: "set-up", runtime: "node", code });
      const replies: { made: object; fresh: number }[] = [];
      for (let count = 0; count < 3; count += 1) {
        const { response } = await invoke("set-up");
        replies.push(response as (typeof replies)[number]);
        await putToSleep(id);
      }
      const [one, ...others] = replies;
      for (const other of others) {
        assert.deepEqual(other.made, one?.made);
        assert.notEqual(other.fresh, one?.fresh);
      }
    });

    it("notices one changed byte before use, and answers from a new snapshot", async () => {
      const { id } = await manager.client.getFunction("echo");
      await putToSleep(id);
      const path = join(dataDir, "snapshots", `function-${id}-1`, "memory");
      const file = await open(path, "r+");
      const at = Math.floor((await file.stat()).size / 2);
      const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at);
      await file.write(Buffer.from([(buffer[0] ?? 0) ^ 1]), 0, 1, at);
      await file.close();
      assert.deepEqual((await invoke("echo", { n: 2 })).response, { n: 2 });
      const aside = await readdir(join(dataDir, "snapshots/set-aside"));
      assert.ok(
        aside.some((name) => name.startsWith(`function-${id}-1-`)),
        aside.join(),
      );
      assert.match(manager.output, /its file(s were| \\"memory\\" was) changed/);
      assert.equal((await vmsOf(id))[0]?.restored_from, `function-${id}-1`);
    });

    it("answers 200 calls at once on a function with no VM, by one restore at first", async () => {
      const fields = { name: "many", runtime: "node", code: echo, max_vms: 4 };
      const { id } = await manager.deploy(fields);
      await putToSleep(id);
      let most = 0;
      const count = async () => {
        most = Math.max(most, (await vmsOf(id)).length);
      };
      const watch = setInterval(() => void count(), 50);
      const calls = Array.from({ length: 200 }, (_, n) => invoke("many", n));
      const replies = await Promise.all(calls);
      clearInterval(watch);
      assert.deepEqual(
        replies.map(({ status, response }) => [status, response]),
        replies.map((_, n) => ["success", n]),
      );
      assert.equal(new Set(replies.map(({ vm_id }) => vm_id)).size, 1);
      assert.ok(most <= 4);
    });

    it("starts no more VMs than max_vms, and uses them all, where each takes one call", async () => {
      const code = "async function handler() { await new Promise((r) => setTimeout(r, 700)); }";
      const limits = { max_vms: 3, max_concurrency: 1, timeout_seconds: 60 };
      const { id } = await manager.deploy({ name: "single", runtime: "node", code, ...limits });
      await putToSleep(id);
      const replies = await Promise.all(Array.from({ length: 9 }, () => invoke("single")));
      assert.ok(replies.every(({ status }) => status === "success"));
      assert.equal(new Set(replies.map(({ vm_id }) => vm_id)).size, 3);
      const names = (await vmsOf(id)).map(({ name }) => name.replace(/^.*-[0-9a-f]{8}/, ""));
      assert.deepEqual(names.toSorted(), ["", "-2", "-3"]);
    });

    it("reloads twice a second for 10 s under load without a failed or a mixed reply", async () => {
      const name = "reloaded";
      const code = sayRevision(1);
      const env = { REVISION: "1" };
      const { id } = await manager.deploy({ name, runtime: "node", code, env, max_vms: 2 });
      const until = performance.now() + 10_000;
      const seen = new Set<number>();
      let calls = 0;
      const load = async () => {
        while (performance.now() < until) {
          const { status, response, error } = await invoke(name);
          assert.equal(status, "success", error);
          const { first, atTop, env: inEnv, last } = response as Record<string, number>;
          assert.deepEqual([atTop, inEnv, last], [first, first, first]);
          seen.add(first ?? 0);
          calls += 1;
        }
      };
      const reload = async () => {
        for (let revision = 2; performance.now() < until; revision += 1) {
          const changes = { code: sayRevision(revision), env: { REVISION: String(revision) } };
          await manager.client.updateFunction(id, changes);
          await passTime(500);
        }
      };
      await Promise.all([reload(), load(), load(), load(), load()]);
      const { revision, last_error } = await manager.settled(id);
      assert.equal(last_error, null);
      assert.ok(revision >= 8, `${revision} revisions`);
      assert.ok(seen.size >= 0.8 * revision, `${seen.size} of ${revision} revisions were seen`);
      assert.ok(calls > 80, `${calls} calls`);
    });

    it("gives a function more memory under load without a failed reply", async () => {
      const { id } = await manager.deploy({ name: "grown", runtime: "node", code: echo });
      const grown = new AbortController();
      const load = async () => {
        while (!grown.signal.aborted) assert.equal((await invoke("grown")).status, "success");
      };
      const loads = [load(), load()];
      await manager.client.updateFunction(id, { memory_mb: 320 });
      await manager.settled(id);
      grown.abort();
      await Promise.all(loads);
      await waitUntil("only the larger VM is left", async () => {
        const sizes = (await vmsOf(id)).map(({ memory_mb }) => memory_mb);
        return sizes.length === 1 && sizes[0] === 320;
      });
    });

    it("has its snapshots after a restart, and none of functions that are gone", async () => {
      const { id } = await manager.client.getFunction("echo");
      await manager.client.deleteFunction("many");
      const many = (await snapshots()).filter((name) => name.startsWith("function-"));
      await manager.stop();
      const memory = join(dataDir, "snapshots", `function-${id}-1`, "memory");
      const { ino } = await stat(memory);
      manager = await startManager({ FIRELET_STANDBY_VMS: "1" });
      assert.deepEqual((await invoke("echo", { n: 3 })).response, { n: 3 });
      assert.equal((await stat(memory)).ino, ino, "it was not made again");
      assert.ok(many.length > 0);
      const functions = await manager.client.listFunctions();
      const kept = new Set(functions.map((item) => item.id));
      for (const name of await snapshots()) {
        const owner = /^function-(.+)-\d+$/.exec(name)?.[1];
        assert.ok(owner === undefined || kept.has(owner), name);
      }
    });

    it("keeps a VM standing by for the function that slept in last", async () => {
      const { id } = await manager.client.getFunction("echo");
      await putToSleep(id);
      let standby: string | undefined;
      await waitUntil("a VM stands by", async () => {
        const [vm] = await vmsOf(id);
        standby = vm?.state === "standby" ? vm.id : undefined;
        return standby !== undefined;
      });
      const reply = await invoke("echo", { n: 4 });
      assert.deepEqual([reply.response, reply.vm_id], [{ n: 4 }, standby]);
    });

    it("says what is full when the host is, and gives room when VMs are idle", async () => {
      await manager.stop();
      manager = await startManager({ FIRELET_VMS: "1" });
      const waits =
        "async function handler({ ms }) { await new Promise((r) => setTimeout(r, ms)); }";
      await manager.deploy({ name: "first", runtime: "node", code: waits });
      assert.deepEqual(
        (await invoke("echo", { n: 5 })).response,
        { n: 5 },
        "the idle one made room",
      );
      const holding = invoke("first", { ms: 14_000 });
      await waitUntil("it runs", async () =>
        (await manager.client.listVms()).some((vm) => vm.in_flight === 1),
      );
      await assert.rejects(
        invoke("echo"),
        /Host is full: its VMs hold 256 of \d+ MiB and are 1 of 1/,
      );
      assert.equal((await holding).status, "success");
    });

    it("leaves a manifest that names what a snapshot was taken under", async () => {
      const manifest = await readFile(
        join(dataDir, "snapshots/base-node-1cpu-256mib/manifest.json"),
        "utf8",
      );
      const { conditions, files } = JSON.parse(manifest) as {
        conditions: Record<string, string>;
        files: Record<string, string>;
      };
      assert.match(conditions["vmm"] ?? "", /^QEMU \d/);
      assert.match(conditions["image"] ?? "", /^sha256:/);
      assert.match(conditions["arguments"] ?? "", /-M microvm/);
      assert.match(files["memory"] ?? "", /^[0-9a-f]{64}$/);
    });
  });
});
