import { rm } from "node:fs/promises";
import { after, describe } from "node:test";
import { QemuDriver } from "../../src/drivers/qemu/driver.ts";
import { nodeCases } from "../contract/runtime-cases-node.ts";
import { pythonCases } from "../contract/runtime-cases-python.ts";
import { runtimeServerSuite } from "../contract/runtime-server.ts";
import { newDataDir, specOf } from "../contract/vm-driver.ts";
import { vmImages } from "../support/vm-images.ts";
import { userNetwork } from "../support/networks.ts";

const { images, skip } = await vmImages("node", "python");

describe("runtime servers in real microVMs", { skip }, async () => {
  if (images === null) return;
  const dataDir = await newDataDir();
  after(() => rm(dataDir, { recursive: true }));
  const driver = new QemuDriver({ dataDir, network: userNetwork() });
  for (const [runtime, cases] of [
    ["node", nodeCases],
    ["python", pythonCases],
  ] as const) {
    const image = images[runtime];
    if (image === undefined) throw new Error(`There is no ${runtime} image`);
    runtimeServerSuite({
      runtime,
      label: `${runtime} in a microVM`,
      cases,
      slowFactor: 8,
      async start() {
        // Twice the usual: one server takes some 200 programs after one another, ballast and events
        // of 6 MiB among them, and Node lets garbage grow past what a VM of 256 MiB has.
        const spec = specOf(image, { memoryMib: 512 });
        const { id, address } = await driver.boot(spec, AbortSignal.timeout(60_000));
        return {
          address,
          readConsole: () => driver.readConsole(id),
          stop: () => driver.destroy(id),
        };
      },
    });
  }
});
