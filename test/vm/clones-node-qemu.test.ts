import { describe } from "node:test";

import { QemuDriver } from "../../src/drivers/qemu/driver.ts";
import { userNetwork } from "../support/networks.ts";
import { vmImages } from "../support/vm-images.ts";
import { nodeClones } from "./clone-cases-node.ts";
import { cloneSuite } from "./clones.ts";

const { images, skip } = await vmImages("node");

const create = (dataDir: string) => new QemuDriver({ dataDir, network: userNetwork() });

describe("clones in microVMs", { skip }, () => {
  const image = images?.["node"];
  if (image === undefined) return;
  cloneSuite({ ...nodeClones, image }, { create, slowFactor: 1 });
});
