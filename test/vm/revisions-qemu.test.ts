import { revisionsSuite } from "../e2e/revisions.ts";
import { describeOnQemu } from "../support/vm-images.ts";

await describeOnQemu((images) => revisionsSuite({ driver: "qemu", images }));
