import { join } from "node:path";

import { behaviourSuite } from "../e2e/behaviour.ts";
import { specificationSuite } from "../e2e/specification.ts";
import { testImagesDir } from "../support/vm-images.ts";

// Runs in a nested host: see test/vm/firecracker-nested.test.ts.
const images = join(testImagesDir, "images");
const manager = { driver: "firecracker", images, slowFactor: 10 } as const;
specificationSuite(manager);
behaviourSuite(manager);
