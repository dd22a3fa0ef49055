import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after } from "node:test";

import { FirecrackerDriver } from "../../src/drivers/firecracker/driver.ts";
import { newDataDir } from "../contract/vm-driver.ts";
import { namespaceNetwork } from "../support/networks.ts";
import { vmImages } from "../support/vm-images.ts";
import { nodeClones } from "../vm/clone-cases-node.ts";
import { pythonClones } from "../vm/clone-cases-python.ts";
import { cloneSuite } from "../vm/clones.ts";

// Runs in a nested host: see test/vm/firecracker-nested.test.ts.
const { images } = await vmImages("node", "python");
const program = process.env["FIRELET_FIRECRACKER_BIN"] ?? "firecracker";
const jailer = process.env["FIRELET_JAILER_BIN"] ?? "jailer";
const networkDir = await newDataDir();
const network = await namespaceNetwork(networkDir);
after(async () => {
  await network[Symbol.asyncDispose]?.();
  await rm(networkDir, { recursive: true });
});

const create = (dataDir: string) =>
  new FirecrackerDriver({ dataDir, network, program, jailer, trialLimitMs: 60_000 });
for (const [name, subject] of Object.entries({ node: nodeClones, python: pythonClones })) {
  const image = images?.[name];
  assert.ok(image);
  cloneSuite({ ...subject, image }, { create, slowFactor: 10 });
}
