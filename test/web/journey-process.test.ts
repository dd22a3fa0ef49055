import { journeySuite } from "./journey.ts";

journeySuite({ driver: "process" });
