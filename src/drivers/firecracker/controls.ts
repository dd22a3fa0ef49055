import { constants, openSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Socket } from "node:net";
import { join } from "node:path";

import { SharedTasks } from "../../lib/shared-tasks.ts";
import type { AgentLine, VmmUse } from "../../ports/vm-driver.ts";
import { within } from "../shared/time-limit.ts";
import { connectTo, restrictSocket } from "../shared/unix-socket.ts";
import type { StartedVmm } from "../shared/vm-launch.ts";
import { FirecrackerApi } from "./api.ts";
import { DiskMeter } from "./disk-meter.ts";
import { wakePipe } from "./launch.ts";
import { type ApiCall, reportCall, vmFiles } from "./machine.ts";
import { VsockLine } from "./vsock-line.ts";

/** What the manager holds of a Firecracker that runs. */
export interface FirecrackerControl {
  readonly api: FirecrackerApi;
  /** Where what is written is read at the guest's serial port. */
  readonly wake: FileHandle;
  readonly agent: AgentLine;
  readonly disk: DiskMeter;
  readonly runFolder: string;
}

/** How long Firecracker may take to report; it takes less than a millisecond. */
const reportLimitMs = 1_000;

const never = new AbortController().signal;

/** The controls of a driver's VMs, each taken before its guest runs anything. */
export class FirecrackerControls {
  readonly #controls = new Map<string, FirecrackerControl>();
  readonly #asked = new SharedTasks<VmmUse["disk"]>();

  /** Makes a VM by `calls`, and keeps control of it until it has ended. */
  async make(
    vmId: string,
    { runFolder, exited }: StartedVmm,
    calls: readonly ApiCall[],
    signal: AbortSignal,
  ): Promise<void> {
    const socket = join(runFolder, vmFiles.api);
    await using undo = new AsyncDisposableStack();
    const api = undo.use(await FirecrackerApi.open(socket, signal));
    await restrictSocket(socket);
    const wake = undo.use(await open(wakePipe(runFolder), "r+"));
    const reports = openPipe(join(runFolder, vmFiles.metrics));
    undo.defer(() => void reports.destroy());
    const disk = new DiskMeter(reports);
    await api.run(calls, signal);
    const vsock = await connectTo(join(runFolder, vmFiles.vsock), signal);
    undo.defer(() => void vsock.destroy());
    const held = undo.move();
    this.#controls.set(vmId, { api, wake, agent: new VsockLine(vmId, vsock), disk, runFolder });
    void exited.then(() => {
      this.#controls.delete(vmId);
      return held.disposeAsync();
    });
  }

  /** What a VM's guest read from and wrote to its disk; null where Firecracker does not say. */
  async diskUse(vmId: string): Promise<VmmUse["disk"]> {
    const control = this.#controls.get(vmId);
    if (control === undefined) return null;
    // A Firecracker that does not answer is asked once, and not cut off: it may still be wanted.
    const asked = this.#asked.run(vmId, never, () => askForDisk(control));
    return within(reportLimitMs, asked);
  }

  agentOf(vmId: string): AgentLine | undefined {
    return this.#controls.get(vmId)?.agent;
  }

  /** That of a VM that has not ended. Throws where there is none. */
  of(vmId: string): FirecrackerControl {
    const control = this.#controls.get(vmId);
    if (control === undefined) throw new Error("it is not running");
    return control;
  }
}

async function askForDisk({ api, disk }: FirecrackerControl): Promise<VmmUse["disk"]> {
  const report = disk.next();
  try {
    await api.run([reportCall], never);
  } catch {
    return null;
  }
  return report;
}

/** The reading end of a named pipe, which has no end while nobody writes. */
function openPipe(path: string): Socket {
  const { O_RDWR, O_NONBLOCK, O_NOFOLLOW } = constants;
  const fd = openSync(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW);
  const pipe = new Socket({ fd, readable: true, writable: false });
  pipe.on("error", () => undefined);
  return pipe;
}
