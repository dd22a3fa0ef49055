import { fileURLToPath } from "node:url";

import { startRuntimeProcess } from "../support/runtime-process.ts";
import { pythonSnapshotExtras } from "./runtime-cases-python-snapshots.ts";
import { pythonCases } from "./runtime-cases-python.ts";
import { runtimeProcessSuite } from "./runtime-process.ts";
import { pythonSnapshots } from "./runtime-programs-python-snapshots.ts";
import { runtimeSnapshotSuite } from "./runtime-server-snapshots.ts";
import { runtimeServerSuite } from "./runtime-server.ts";

const server = fileURLToPath(new URL("../../guest/python/server.py", import.meta.url));
const argv = [process.env.PYTHON ?? "python3", "-I", server] as const;

runtimeServerSuite({
  runtime: "python",
  label: "python, as a plain process",
  cases: pythonCases,
  start: () => startRuntimeProcess([...argv]),
});
runtimeProcessSuite("python", [...argv]);
runtimeSnapshotSuite({
  label: "python",
  argv,
  programs: pythonCases.programs,
  cases: { ...pythonSnapshots, extras: pythonSnapshotExtras },
});
