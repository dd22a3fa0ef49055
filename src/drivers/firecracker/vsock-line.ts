import type { Socket } from "node:net";

import { messageOf, PlatformError } from "../../core/errors.ts";
import type { AgentLine } from "../../ports/vm-driver.ts";

/** Where the agent listens in its guest: guest/init/agent.c. */
const agentPort = 1000;

/** An answer to CONNECT is `OK` and a number of 32 bits. */
const maxAnswerBytes = 32;

/**
 * The line to the agent in a guest, over a connection to the host's end of its vsock. The guest is
 * called when there is something to send, since it may stand still until then. How a host calls:
 * docs/vsock.md of Firecracker's sources.
 */
export class VsockLine implements AgentLine {
  readonly #vmId: string;
  readonly #socket: Socket;
  #called: Promise<void> | undefined;
  #take: ((bytes: Uint8Array) => void) | null = null;

  /** `socket` is connected, and nothing was sent over it. */
  constructor(vmId: string, socket: Socket) {
    this.#vmId = vmId;
    this.#socket = socket;
  }

  async send(bytes: Uint8Array): Promise<void> {
    try {
      await (this.#called ??= this.#call());
      await this.#write(bytes);
    } catch (error) {
      const message = `Cannot reach the agent of VM ${this.#vmId}: ${messageOf(error)}`;
      throw new PlatformError("vm_lost", message, { cause: error });
    }
  }

  receive(take: (bytes: Uint8Array) => void): void {
    this.#take = take;
  }

  close(): void {
    this.#take = null;
    this.#socket.pause();
  }

  /** Asks for the agent's port; rejects where nobody listens there. */
  async #call(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let answer: Buffer = Buffer.alloc(0);
    let isThrough = false;
    this.#socket.on("data", (bytes: Buffer) => {
      if (isThrough) return this.#take?.(bytes);
      answer = Buffer.concat([answer, bytes]);
      const end = answer.indexOf("\n");
      if (end < 0 && answer.length < maxAnswerBytes) return;
      if (!/^OK \d+$/.test(answer.toString("latin1", 0, Math.max(end, 0)))) {
        this.#socket.destroy(new Error("its vsock did not say OK"));
        return;
      }
      isThrough = true;
      resolve();
      if (answer.length > end + 1) this.#take?.(answer.subarray(end + 1));
    });
    this.#socket.once("error", reject);
    this.#socket.once("close", () => reject(new Error("nobody answers in its guest")));
    await Promise.all([this.#write(Buffer.from(`CONNECT ${agentPort}\n`)), promise]);
  }

  #write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }
}
