import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Call } from "./connection.ts";
import { startFunctionsFramework } from "./functions-framework.ts";
import { compare, type Lane, type LaneOptions, type Target } from "./lane.ts";
import type { LoadOrder, LoadReport } from "./load.ts";
import type { Figures } from "./results.ts";
import {
  emptyFunctions,
  runtimeNames,
  setups,
  startFirelet,
  type Runtime,
  type Setup,
} from "./subjects.ts";

const run = promisify(execFile);

/** Loads a target from a process of its own. Rejects where an answer was not 200. */
export async function load(target: Omit<Target, "stop">, order: Omit<LoadOrder, keyof Call>) {
  const script = join(import.meta.dirname, "load.ts");
  const whole: LoadOrder = { ...target.call, ...order };
  const { stdout } = await run(process.execPath, [script, JSON.stringify(whole)]);
  const report = JSON.parse(stdout) as LoadReport;
  if (report.failures > 0) throw new Error(`${target.name}: ${report.failures} calls failed`);
  return report;
}

function warmLane(
  name: string,
  connections: number,
  starts: readonly (() => Promise<Target>)[],
): Lane {
  return {
    name,
    run({ rounds, seconds, signal }: LaneOptions) {
      const sample = async (target: Target): Promise<Figures> => {
        const report = await load(target, { connections, seconds, warmUpSeconds: 1 });
        return { p50_ms: report.p50Ms, p99_ms: report.p99Ms, per_second: report.perSecond };
      };
      return compare({ lane: name, starts, count: rounds, sample }, signal);
    },
  };
}

function firelet(setup: Setup, runtime: Runtime) {
  const name = `Firelet, ${setup.name}, ${runtimeNames[runtime]}`;
  return (): Promise<Target> =>
    startFirelet(setup, name, async (manager) => {
      const { id } = await manager.deploy({
        name: "empty",
        runtime,
        code: emptyFunctions[runtime],
      });
      const call = manager.invocationOf(id);
      // What the guest's compiler makes of the code gets quicker for seconds where QEMU emulates.
      const settleSeconds = setup.driver === "qemu" ? 8 : 2;
      await load({ name, call }, { connections: 1, seconds: settleSeconds, warmUpSeconds: 0 });
      return { call };
    });
}

const processNode = firelet(setups.process, "node");

/** Invocations of an empty function that is warm: the manager's own time, and a microVM's. */
export const warmLanes: readonly Lane[] = [
  warmLane("warm, 1 connection", 1, [processNode, startFunctionsFramework]),
  warmLane("warm, 50 connections", 50, [processNode, startFunctionsFramework]),
  warmLane("warm, microVM, 1 connection", 1, [
    firelet(setups.clone, "node"),
    firelet(setups.boot, "node"),
    processNode,
    firelet(setups.clone, "python"),
    firelet(setups.process, "python"),
  ]),
  warmLane("network, 1 connection", 1, [
    firelet(setups.namespace, "node"),
    firelet(setups.userNetwork, "node"),
  ]),
];
