import { revisionsSuite } from "./revisions.ts";

revisionsSuite({ driver: "process" });
