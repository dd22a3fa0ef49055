import { specificationSuite } from "./specification.ts";

specificationSuite({ driver: "process" });
