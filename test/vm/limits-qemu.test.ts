import { limitsSuite } from "../faults/limits.ts";
import { describeOnQemu } from "../support/vm-images.ts";

await describeOnQemu((images) => limitsSuite({ driver: "qemu", images }));
