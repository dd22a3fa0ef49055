import { pythonCases } from "../contract/runtime-cases-python.ts";
import { runtimeServerInVm } from "./runtime-server.ts";

await runtimeServerInVm({ runtime: "python", cases: pythonCases });
