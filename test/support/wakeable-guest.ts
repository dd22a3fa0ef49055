import { type ChildProcess, execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import type { Wake } from "../../src/ports/runtime-client.ts";
import { clockBackMessage, wakeMessage } from "../../src/runtime/wake-message.ts";
import { type Reply, RuntimeGuest } from "./runtime-guest.ts";
import { type ServerProcess, startRuntimeProcess } from "./runtime-process.ts";

/** A runtime server as a plain process, whose wake channel the test writes to. */
export class WakeableGuest extends RuntimeGuest {
  /** The process of the server. */
  readonly child: ChildProcess;
  readonly #channel: FileHandle;

  private constructor(server: ServerProcess, channel: FileHandle) {
    super(server, 1);
    this.child = server.child;
    this.#channel = channel;
  }

  /** Starts `argv` with a wake channel, and adopts the server. */
  static async start(argv: readonly [string, ...string[]]): Promise<WakeableGuest> {
    const folder = await mkdtemp(join(tmpdir(), "firelet-wake-"));
    const path = join(folder, "wake");
    await promisify(execFile)("mkfifo", [path]);
    // Open for both, as it is in a VM: neither end waits for the other.
    const channel = await open(path, "r+");
    try {
      const server = await startRuntimeProcess(argv, { env: { FIRELET_WAKE: path } });
      const stop = async () => {
        await server.stop();
        await channel.close();
        await rm(folder, { recursive: true });
      };
      const guest = new WakeableGuest({ ...server, stop }, channel);
      await guest.adopt();
      return guest;
    } catch (error) {
      await channel.close();
      await rm(folder, { recursive: true });
      throw error;
    }
  }

  /** Writes to the wake channel, as the VM's `wake` does. */
  async tell(message: Uint8Array): Promise<void> {
    await this.#channel.write(message);
  }

  /** Brings the server to stand still; answers the reply to that, which must be a 200. */
  async freeze(): Promise<Reply> {
    const [reply] = await Promise.all([this.control("freeze"), this.tell(clockBackMessage())]);
    if (reply.status !== 200) throw new Error(`Cannot freeze: ${JSON.stringify(reply.body)}`);
    this.disconnect();
    return reply;
  }

  /** Wakes the server as `instance`, and takes the new token for the calls that follow. */
  async wake(instance = "fn-woken-550e8400-2"): Promise<Wake> {
    const token = randomBytes(32).toString("base64url");
    const wake = { now: new Date(), instance, token };
    await this.tell(wakeMessage(wake));
    this.token = token;
    return wake;
  }

  /** Freezes the server, wakes it and waits until it confirms; answers the reply to that. */
  async restore(instance?: string): Promise<Reply> {
    await this.freeze();
    await this.wake(instance);
    return this.control("resumed");
  }
}
