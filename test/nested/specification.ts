import { specificationSuite } from "../e2e/specification.ts";
import { sharedTestImages } from "../support/vm-images.ts";

// Runs in a nested host: see test/vm/firecracker-nested.test.ts.
specificationSuite({ driver: "firecracker", images: await sharedTestImages() });
