import { join } from "node:path";

import { SharedTasks } from "../../lib/shared-tasks.ts";
import type { VmmUse } from "../../ports/vm-driver.ts";
import { restrictSocket } from "../shared/unix-socket.ts";
import { within } from "../shared/time-limit.ts";
import type { StartedVmm } from "../shared/vm-launch.ts";
import { qmpSocket } from "./command-line.ts";
import { QmpConnection } from "./qmp.ts";

/** How long QEMU may take to say what its guest read and wrote; it takes less than a millisecond. */
const diskLimitMs = 1_000;

/**
 * The control connections of a driver's VMs. Each is opened before code of a function has run in
 * its guest, and kept: a QEMU that its guest has taken over could put another socket in the place
 * of its own.
 */
export class QemuControls {
  readonly #connections = new Map<string, QmpConnection>();
  readonly #asked = new SharedTasks<VmmUse["disk"]>();

  /** Takes control of a VM until it has ended. */
  async hold(
    vmId: string,
    { runFolder, exited }: StartedVmm,
    signal: AbortSignal,
  ): Promise<QmpConnection> {
    const path = join(runFolder, qmpSocket);
    const connection = await QmpConnection.open(path, signal);
    this.#connections.set(vmId, connection);
    void exited.then(() => {
      connection[Symbol.dispose]();
      this.#connections.delete(vmId);
    });
    await restrictSocket(path);
    return connection;
  }

  /** That of a VM that has not ended. */
  of(vmId: string): QmpConnection | undefined {
    return this.#connections.get(vmId);
  }

  /** What a VM's guest read from and wrote to its disk; null where QEMU does not say. */
  async diskUse(vmId: string): Promise<VmmUse["disk"]> {
    const connection = this.of(vmId);
    if (connection === undefined) return null;
    // A QEMU that does not answer is asked once, and not cut off: it may still be wanted.
    const asked = this.#asked.run(vmId, never, () => askForDisk(connection));
    return within(diskLimitMs, asked);
  }
}

const never = new AbortController().signal;

async function askForDisk(connection: QmpConnection): Promise<VmmUse["disk"]> {
  try {
    const devices = (await connection.execute("query-blockstats", never)) as BlockDevice[];
    const stats = devices.map((device) => device.stats);
    return { readBytes: sum(stats, "rd_bytes"), writtenBytes: sum(stats, "wr_bytes") };
  } catch {
    return null;
  }
}

/** What `query-blockstats` answers for each disk; as much of it as is used. */
interface BlockDevice {
  readonly stats: { readonly rd_bytes: number; readonly wr_bytes: number };
}

/** Throws where QEMU, which a guest may have taken over, answers something else than numbers. */
function sum(stats: readonly BlockDevice["stats"][], field: "rd_bytes" | "wr_bytes"): number {
  let total = 0;
  for (const { [field]: bytes } of stats) {
    if (!Number.isSafeInteger(bytes) || bytes < 0) throw new Error(`${field} is ${String(bytes)}`);
    total += bytes;
  }
  return total;
}
