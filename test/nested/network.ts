import { join } from "node:path";

import { testImagesDir } from "../support/vm-images.ts";
import { networkSuite } from "../vm/network.ts";

// Runs in a nested host: see test/vm/firecracker-nested.test.ts.
const images = join(testImagesDir, "images");
networkSuite({ driver: "firecracker", images, slowFactor: 10 });
