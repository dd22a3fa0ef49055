import assert from "node:assert/strict";
import { readdir, readFile, readlink, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";

import { FirecrackerDriver } from "../../src/drivers/firecracker/driver.ts";
import { descendantsOf } from "../../src/drivers/shared/process-tree.ts";
import { newDataDir, specOf } from "../contract/vm-driver.ts";
import { namespaceNetwork } from "../support/networks.ts";
import { vmImages } from "../support/vm-images.ts";

// Runs in a nested host: see test/vm/firecracker-nested.test.ts.
const { images } = await vmImages("node");
const image = images?.["node"];
assert.ok(image);
const program = process.env["FIRELET_FIRECRACKER_BIN"] ?? "firecracker";
const jailer = process.env["FIRELET_JAILER_BIN"] ?? "jailer";
const networkDir = await newDataDir();
const network = await namespaceNetwork(networkDir);
const spec = () => specOf(image);
const soon = () => AbortSignal.timeout(120_000);

describe("Firecracker's jail", () => {
  let dataDir = "";
  before(async () => {
    dataDir = await newDataDir();
  });
  after(async () => {
    await network[Symbol.asyncDispose]?.();
    await Promise.all([dataDir, networkDir].map((folder) => rm(folder, { recursive: true })));
  });
  let driver: FirecrackerDriver;
  const create = (options: { jailer?: string | null; program?: string } = {}) => {
    driver = new FirecrackerDriver({
      dataDir,
      network,
      program,
      jailer,
      trialLimitMs: 60_000,
      probeImage: async () => image,
      ...options,
    });
    return driver;
  };
  afterEach(async () => {
    for (const id of await driver.list()) await driver.destroy(id);
  });
  const notesOf = async () => {
    const probe = await driver.probe();
    assert.ok(probe.usable, JSON.stringify(probe));
    return probe.notes.filter((note) => note.includes("jail"));
  };

  it("has nothing in it but what the VM is made of", async () => {
    const { pid, id } = await create().boot(spec(), soon());
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    assert.match(status, /^Name:\tfirecracker$/m);
    assert.match(status, /^Uid:\t(19\d{8})\t\1\t\1\t\1$/m);
    assert.match(status, /^Gid:\t(19\d{8})\t\1\t\1\t\1$/m);
    assert.match(status, /^NoNewPrivs:\t1$/m);
    assert.match(status, /^CapEff:\t0{16}$/m);
    assert.match(status, /^NSpid:\t\d+\t\d+$/m);
    for (const kind of ["mnt", "net", "pid"]) {
      const [own, ours] = await Promise.all(
        [pid, "self"].map((each) => readlink(`/proc/${each}/ns/${kind}`)),
      );
      assert.notEqual(own, ours, kind);
    }
    const inside = (await readdir(`/proc/${pid}/root`)).toSorted();
    assert.deepEqual(inside, [
      "api.sock",
      "dev",
      "firecracker",
      "firecracker.pid",
      "initramfs",
      "kernel",
      "metrics",
      "rootfs",
      "run",
      "vsock.sock",
    ]);
    const [image1, inJail] = await Promise.all([
      stat(image.rootfs),
      stat(`/proc/${pid}/root/rootfs`),
    ]);
    assert.deepEqual([inJail.uid, inJail.size], [0, image1.size]);
    const devices = new Set(await readdir(`/proc/${pid}/root/dev`));
    // Where the host has it: the jailer puts it there for snapshots of other kinds.
    devices.delete("userfaultfd");
    assert.deepEqual([...devices].toSorted(), ["kvm", "net", "urandom"]);
    const limits = await readFile(`/proc/${pid}/limits`, "utf8");
    assert.match(limits, /^Max file size +1048576 +1048576/m);
    // All that was started is held to the VM's limits.
    const journal = JSON.parse(await readFile(join(dataDir, "vms", id, "process.json"), "utf8"));
    const processes = await descendantsOf((journal as { pid: number }).pid);
    assert.equal(processes.at(-1), pid);
    const groups = await Promise.all(
      processes.map((each) => readFile(`/proc/${each}/cgroup`, "utf8")),
    );
    for (const group of groups) assert.ok(group.includes(id), group);
    const use = await driver.measure(id);
    assert.ok(use.memoryBytes > 2 ** 20 && use.cpuMs > 0 && use.network, JSON.stringify(use));
  });

  it("is empty and gone when the VM is", async () => {
    const { pid, id } = await create().boot(spec(), soon());
    await driver.destroy(id);
    await assert.rejects(stat(`/proc/${pid}`), { code: "ENOENT" });
    assert.deepEqual(await readdir(join(dataDir, "vms")), []);
    assert.ok((await stat(image.rootfs)).size > 0);
  });

  it("says why there is none, and starts VMs all the same", async () => {
    create({ jailer: null });
    assert.deepEqual(await notesOf(), ["VMs are not jailed: that is switched off"]);
    const { pid } = await driver.boot(spec(), soon());
    assert.match(await readFile(`/proc/${pid}/status`, "utf8"), /^NSpid:\t\d+$/m);
  });

  it("is no matter of luck where somebody has named the jailer", async () => {
    create({ jailer: "/nonexistent/jailer" });
    const probe = await driver.probe();
    assert.ok(!probe.usable);
    assert.equal(probe.reason, "VMs cannot be jailed: /nonexistent/jailer is not installed");
  });

  it("is where VMs are unless somebody says otherwise", async () => {
    create();
    assert.deepEqual(await notesOf(), []);
  });
});
