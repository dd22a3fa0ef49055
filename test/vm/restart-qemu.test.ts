import { restartSuite } from "../faults/restart.ts";
import { describeOnQemu } from "../support/vm-images.ts";

await describeOnQemu((images) => restartSuite({ driver: "qemu", images }));
