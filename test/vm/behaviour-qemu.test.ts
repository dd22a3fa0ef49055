import { behaviourSuite } from "../e2e/behaviour.ts";
import { describeOnQemu } from "../support/vm-images.ts";

await describeOnQemu((images) => behaviourSuite({ driver: "qemu", images }));
