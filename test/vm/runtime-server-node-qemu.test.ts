import { nodeCases } from "../contract/runtime-cases-node.ts";
import { runtimeServerInVm } from "./runtime-server.ts";

await runtimeServerInVm({ runtime: "node", cases: nodeCases });
