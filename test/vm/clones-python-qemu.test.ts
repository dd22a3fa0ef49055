import { describe } from "node:test";

import { QemuDriver } from "../../src/drivers/qemu/driver.ts";
import { userNetwork } from "../support/networks.ts";
import { vmImages } from "../support/vm-images.ts";
import { pythonClones } from "./clone-cases-python.ts";
import { cloneSuite } from "./clones.ts";

const { images, skip } = await vmImages("python");

const create = (dataDir: string) => new QemuDriver({ dataDir, network: userNetwork() });

describe("clones in microVMs", { skip }, () => {
  const image = images?.["python"];
  if (image === undefined) return;
  cloneSuite({ ...pythonClones, image }, { create, slowFactor: 1 });
});
