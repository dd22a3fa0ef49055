import { restartSuite } from "./restart.ts";

restartSuite({ driver: "process" });
