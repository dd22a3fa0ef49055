import { TestManager } from "../support/manager.ts";
import { managerOptions } from "./subjects.ts";

export interface DeploySample {
  /** From the create call to the state `ready`. */
  readonly readyMs: number;
  /** From the create call to the first reply. */
  readonly firstReplyMs: number;
}

/** Creates a function, and another one each time it is asked. */
export interface DeployLane {
  readonly name: string;
  sample(): Promise<DeploySample>;
  stop(): Promise<void>;
}

export async function startDeployLane(driver: "process" | "qemu"): Promise<DeployLane> {
  const manager = await TestManager.start(await managerOptions(driver));
  let count = 0;
  return {
    name: `firelet ${driver}`,
    async sample() {
      count += 1;
      const code = "async function handler() { return null; }";
      const startMs = performance.now();
      const request = { name: `bench-${count}`, runtime: "node", code };
      const { id } = await manager.client.createFunction(request);
      while ((await manager.client.getFunction(id)).state !== "ready");
      const readyMs = performance.now() - startMs;
      await manager.client.invokeFunction(id);
      const firstReplyMs = performance.now() - startMs;
      await manager.client.deleteFunction(id);
      return { readyMs, firstReplyMs };
    },
    stop: async () => void (await manager.stop()),
  };
}
