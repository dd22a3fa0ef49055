import { rm } from "node:fs/promises";
import { after, describe } from "node:test";
import { QemuDriver } from "../../src/drivers/qemu/driver.ts";
import { newDataDir, specOf } from "../contract/vm-driver.ts";
import { runtimeServerSuite, type RuntimeSubject } from "../contract/runtime-server.ts";
import { userNetwork } from "../support/networks.ts";
import { vmImages } from "../support/vm-images.ts";

/** Holds the runtime server in our image of `runtime` to the protocol, in a microVM. */
export async function runtimeServerInVm({
  runtime,
  cases,
}: Pick<RuntimeSubject, "runtime" | "cases">): Promise<void> {
  const { images, skip } = await vmImages(runtime);
  describe("a runtime server in a real microVM", { skip }, async () => {
    const image = images?.[runtime];
    if (image === undefined) return;
    const dataDir = await newDataDir();
    after(() => rm(dataDir, { recursive: true }));
    const driver = new QemuDriver({ dataDir, network: userNetwork() });
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
  });
}
