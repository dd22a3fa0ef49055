import { join } from "node:path";

import { startRuntimeProcess } from "../support/runtime-process.ts";
import { nodeSnapshots } from "./runtime-cases-node-snapshots.ts";
import { nodeCases } from "./runtime-cases-node.ts";
import { runtimeProcessSuite } from "./runtime-process.ts";
import { runtimeSnapshotSuite } from "./runtime-server-snapshots.ts";
import { runtimeServerSuite } from "./runtime-server.ts";

const server = join(import.meta.dirname, "../../guest/node/server.js");
const argv = [
  process.execPath,
  "--experimental-vm-modules",
  "--disable-warning=ExperimentalWarning",
  server,
] as const;

runtimeServerSuite({
  runtime: "node",
  label: "Node as a plain process",
  cases: nodeCases,
  start: () => startRuntimeProcess(argv),
});
runtimeProcessSuite("Node", argv);
runtimeSnapshotSuite({
  label: "Node",
  argv,
  programs: nodeCases.programs,
  cases: nodeSnapshots,
});
