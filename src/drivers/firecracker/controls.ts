import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";

import type { AgentLine } from "../../ports/vm-driver.ts";
import { connectTo, restrictSocket } from "../shared/unix-socket.ts";
import type { StartedVmm } from "../shared/vm-launch.ts";
import { FirecrackerApi } from "./api.ts";
import { wakePipe } from "./launch.ts";
import { type ApiCall, vmFiles } from "./machine.ts";
import { VsockLine } from "./vsock-line.ts";

/** What the manager holds of a Firecracker that runs. */
export interface FirecrackerControl {
  readonly api: FirecrackerApi;
  /** Where what is written is read at the guest's serial port. */
  readonly wake: FileHandle;
  readonly agent: AgentLine;
  readonly runFolder: string;
}

/** The controls of a driver's VMs, each taken before its guest runs anything. */
export class FirecrackerControls {
  readonly #controls = new Map<string, FirecrackerControl>();

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
    await api.run(calls, signal);
    const vsock = await connectTo(join(runFolder, vmFiles.vsock), signal);
    undo.defer(() => void vsock.destroy());
    const held = undo.move();
    this.#controls.set(vmId, { api, wake, agent: new VsockLine(vmId, vsock), runFolder });
    void exited.then(() => {
      this.#controls.delete(vmId);
      return held.disposeAsync();
    });
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
