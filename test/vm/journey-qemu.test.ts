import { describeOnQemu } from "../support/vm-images.ts";
import { journeySuite } from "../web/journey.ts";

await describeOnQemu((images) => journeySuite({ driver: "qemu", images }));
