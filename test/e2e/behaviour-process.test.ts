import { behaviourSuite } from "./behaviour.ts";

behaviourSuite({ driver: "process" });
