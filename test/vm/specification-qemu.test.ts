import { specificationSuite } from "../e2e/specification.ts";
import { describeOnQemu } from "../support/vm-images.ts";

await describeOnQemu((images) => specificationSuite({ driver: "qemu", images }));
