import assert from "node:assert/strict";
import { chmod, rm, stat } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import type { HostImage } from "../../src/core/runtime.ts";
import { ProcessDriver } from "../../src/drivers/process/driver.ts";
import { isRunning } from "../support/is-running.ts";
import { waitUntil } from "../support/wait-until.ts";
import { strayVmSuite } from "./vm-driver-strays.ts";
import { vmUseSuite } from "./vm-driver-use.ts";
import { newDataDir, specOf, vmDriverSuite } from "./vm-driver.ts";
import { processNetwork } from "../support/networks.ts";

const file = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

const imageOf = (...args: string[]): HostImage => ({
  kind: "host",
  runtime: "node",
  argv: [process.execPath, ...args],
});

const misbehaving = (name: string) => imageOf(file(`test/fixtures/${name}/run`));

const subject = {
  label: "process",
  create: (options: { dataDir: string; bootTimeoutMs?: number }) =>
    new ProcessDriver({ ...options, network: processNetwork() }),
  image: imageOf(file("guest/node/server.js")),
  broken: { image: misbehaving("vmm-exits-at-once"), words: /with status 3: .*it is bricked up$/ },
  silent: misbehaving("vmm-never-answers"),
  slowFactor: 1,
};

const boot = async (driver: ProcessDriver, name: string) => {
  const vm = await driver.boot(specOf(misbehaving(name)), AbortSignal.timeout(30_000));
  const reply = await fetch(`http://${vm.address.host}:${vm.address.port}/health`);
  return { vm, health: (await reply.json()) as Record<string, unknown> };
};

vmDriverSuite(subject);
strayVmSuite(subject);
vmUseSuite(subject);

describe("process driver", () => {
  let dataDir = "";
  before(async () => {
    dataDir = await newDataDir();
  });
  after(() => rm(dataDir, { recursive: true }));

  it("is marked as no isolation", async () => {
    const probe = await new ProcessDriver({ dataDir, network: processNetwork() }).probe();
    assert.ok(probe.usable);
    assert.equal(probe.isolation, "none");
  });

  it("kills a server that does not end when it is asked to", async () => {
    const driver = new ProcessDriver({ dataDir, stopGraceMs: 100, network: processNetwork() });
    const { vm } = await boot(driver, "vmm-ignores-sigterm");
    await driver.destroy(vm.id);
    assert.equal((await vm.exited).signal, "SIGKILL");
    assert.equal(isRunning(vm.pid), false);
  });

  it("passes on nothing of the manager's environment but what a program needs to run", async () => {
    process.env["FIRELET_TEST_SECRET"] = "hunter2";
    const driver = new ProcessDriver({ dataDir, network: processNetwork() });
    try {
      const { vm, health } = await boot(driver, "vmm-leaves-children");
      const names = Object.keys(health["environment"] as object);
      const allowed = ["PATH", "LANG", "LC_ALL", "TZ", "HOME", "TMPDIR", "FIRELET_LISTEN"];
      assert.deepEqual(
        names.filter((name) => !allowed.includes(name)),
        [],
      );
      await driver.destroy(vm.id);
    } finally {
      delete process.env["FIRELET_TEST_SECRET"];
    }
  });

  const rootOnly = process.geteuid?.() === 0 ? false : "only root can give VMs users of their own";

  it("ends what a function started and detached", { skip: rootOnly }, async () => {
    const driver = new ProcessDriver({ dataDir, network: processNetwork() });
    const { vm, health } = await boot(driver, "vmm-leaves-children");
    const child = Number(health["child"]);
    assert.ok(isRunning(child));
    await driver.destroy(vm.id);
    await waitUntil("the detached program has gone", () => !isRunning(child));
  });

  it(
    "shares the manager's user, and says so, where another cannot read the program",
    { skip: rootOnly },
    async () => {
      const closed = await newDataDir();
      try {
        await chmod(closed, 0o700);
        const driver = new ProcessDriver({
          dataDir: closed,
          stopGraceMs: 100,
          network: processNetwork(),
        });
        const { vm } = await boot(driver, "vmm-ignores-sigterm");
        assert.equal((await stat(`/proc/${vm.pid}`)).uid, 0);
        await driver.destroy(vm.id);
        const probe = await driver.probe();
        assert.ok(probe.usable);
        assert.match(probe.notes.join("\n"), /share the manager's user: other users cannot read/);
      } finally {
        await rm(closed, { recursive: true });
      }
    },
  );
});
