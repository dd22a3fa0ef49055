import { rm } from "node:fs/promises";
import { after, describe } from "node:test";
import { QemuDriver } from "../../src/drivers/qemu/driver.ts";
import { nodeCases } from "../contract/runtime-cases-node.ts";
import { pythonCases } from "../contract/runtime-cases-python.ts";
import { runtimeServerSuite } from "../contract/runtime-server.ts";
import { newDataDir, specOf } from "../contract/vm-driver.ts";
import { vmImages } from "../support/vm-images.ts";

const { images, skip } = await vmImages("node", "python");

describe("runtime servers in real microVMs", { skip }, async () => {
  if (images === null) return;
  const dataDir = await newDataDir();
  after(() => rm(dataDir, { recursive: true }));
  const driver = new QemuDriver({ dataDir });
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
        const { id, address } = await driver.boot(specOf(image), AbortSignal.timeout(60_000));
        return {
          address,
          readConsole: () => driver.readConsole(id),
          stop: () => driver.destroy(id),
        };
      },
    });
  }
});
