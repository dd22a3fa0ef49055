import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe } from "node:test";

import { FirecrackerDriver } from "../../src/drivers/firecracker/driver.ts";
import { newDataDir, vmDriverSuite } from "../contract/vm-driver.ts";
import { snapshotSuite } from "../contract/vm-driver-snapshots.ts";
import { strayVmSuite } from "../contract/vm-driver-strays.ts";
import { vmUseSuite } from "../contract/vm-driver-use.ts";
import { namespaceNetwork } from "../support/networks.ts";
import { vmImages } from "../support/vm-images.ts";

// Runs in a nested host: see test/vm/firecracker-nested.test.ts.
const { images } = await vmImages("node");
const node = images?.["node"];
assert.ok(node);
const program = process.env["FIRELET_FIRECRACKER_BIN"] ?? "firecracker";
const jailer = process.env["FIRELET_JAILER_BIN"] ?? "jailer";
// A guest takes seconds to start there.
const trialLimitMs = 60_000;
const networkDir = await newDataDir();
const network = await namespaceNetwork(networkDir);

describe("VM driver on Firecracker", async () => {
  const folder = await mkdtemp(join(tmpdir(), "firelet-images-"));
  after(async () => {
    await network[Symbol.asyncDispose]?.();
    await rm(folder, { recursive: true });
    await rm(networkDir, { recursive: true });
  });
  const noSystem = join(folder, "rootfs");
  await writeFile(noSystem, Buffer.alloc(64 * 1024, "not a file system "));
  const subject = {
    label: "firecracker",
    create: (options: { dataDir: string; bootTimeoutMs?: number }) =>
      new FirecrackerDriver({
        ...options,
        network,
        program,
        jailer,
        trialLimitMs,
        probeImage: async () => node,
      }),
    image: node,
    broken: { image: { ...node, rootfs: noSystem }, words: /it is neither squashfs nor ext4/ },
    silent: node,
    addresses: /^198\.18\./,
    slowFactor: 20,
  };
  vmDriverSuite(subject);
  strayVmSuite(subject);
  vmUseSuite(subject);
  snapshotSuite(subject);
});
