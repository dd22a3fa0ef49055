import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, before, describe, it } from "node:test";

import { isRunning } from "../support/is-running.ts";
import { temporaryData, TestManager } from "../support/manager.ts";
import { NetworkWorld } from "../support/network-world.ts";
import { describeOnQemu } from "../support/vm-images.ts";
import { waitUntil } from "../support/wait-until.ts";

/** As many as VMs start in half a minute; FIRELET_STRAY_VMS asks for another number. */
const vms = Number(process.env["FIRELET_STRAY_VMS"] ?? 20);
/** Of the networks that are ready, and of the gateway. */
const readyLinks = 9;
const isRoot = process.geteuid?.() === 0;

await describeOnQemu((images) => {
  describe(
    "networks of a manager that was killed",
    { skip: isRoot ? false : "namespaces need root" },
    () => {
      let networks: NetworkWorld;
      let dataDir: string;
      let manager: TestManager;
      const start = () =>
        TestManager.start({ driver: "qemu", images, dataDir, namespace: networks.host });
      before(async () => {
        networks = await NetworkWorld.create();
        dataDir = await temporaryData();
        manager = await start();
      });
      after(async () => {
        await manager?.stop();
        await networks?.[Symbol.asyncDispose]();
        await rm(dataDir, { recursive: true, force: true });
      });

      const running = async () => {
        const items = await manager.client.listVms();
        return items.filter(({ state }) => state === "running");
      };

      it(`leaves none of ${vms} VMs' namespaces, links, rules or processes behind when it is back`, async () => {
        const code =
          "import time\n\ndef handler(event):\n    time.sleep(event['seconds'])\n    return 1\n";
        const { id } = await manager.deploy({
          name: "many",
          runtime: "python",
          code,
          memory_mb: 128,
          timeout_seconds: 200,
          max_vms: vms,
          max_concurrency: 1,
        });
        const calls = Array.from({ length: vms }, () =>
          manager.client.invokeFunction(id, { seconds: 150 }),
        );
        const ended = Promise.allSettled(calls);
        await waitUntil(`${vms} VMs run`, async () => (await running()).length === vms, 240_000);
        const items = await running();
        const addresses = new Set(items.map(({ guest_ip: address }) => address));
        assert.equal(addresses.size, vms);
        assert.ok((await networks.traces()).links.length >= vms);

        await manager.kill();
        await ended;
        assert.ok((await networks.traces()).links.length >= vms);
        manager = await start();
        for (const { pid } of items) assert.ok(!isRunning(pid ?? 0), `process ${pid}`);
        await waitUntil("only the networks that are ready are there", async () => {
          return (await networks.traces()).links.length === readyLinks;
        });
        assert.equal((await networks.traces()).tables.split("\n").length, 1);
        assert.equal((await manager.client.invokeFunction(id, { seconds: 0 })).response, 1);

        await manager.stop();
        assert.deepEqual(await networks.traces(), { links: [], tables: "" });
        assert.deepEqual(await networks.namespaces(), []);
      });
    },
  );
});
