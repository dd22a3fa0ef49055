import { cpus, release, totalmem } from "node:os";
import type { Machine } from "./results.ts";
import { Firelet, setups } from "./subjects.ts";

/** What the figures of this run depend on; of QEMU what a manager finds out when it starts. */
export async function describeMachine(): Promise<Machine> {
  const { manager } = await Firelet.start(setups.process);
  try {
    const { drivers } = await manager.client.getHost();
    const qemu = drivers.find(({ driver, usable }) => driver === "qemu" && usable);
    return {
      cpus: cpus().length,
      processor: cpus()[0]?.model.trim() ?? "unknown",
      memory_gib: Math.round(totalmem() / 2 ** 30),
      kernel: release(),
      node: process.versions.node,
      qemu: qemu?.version ?? null,
      accelerator: qemu?.accelerator ?? null,
    };
  } finally {
    await manager.stop();
  }
}
