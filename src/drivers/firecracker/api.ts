import type { Socket } from "node:net";
import { Client } from "undici";

import { connectTo } from "../shared/unix-socket.ts";
import type { ApiCall } from "./machine.ts";

/** How much Firecracker may answer: what it says is some 100 bytes long. */
const maxAnswerBytes = 64 * 1024;

/**
 * A Firecracker's API, over one connection that is kept: a Firecracker that its guest has taken
 * over could put another socket in the place of its own. Paths and bodies are those of Firecracker's
 * own description, `src/firecracker/swagger/firecracker.yaml` of its sources.
 */
export class FirecrackerApi implements Disposable {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** Connects as soon as the socket is there. Rejects with the reason of `signal`. */
  static async open(path: string, signal: AbortSignal): Promise<FirecrackerApi> {
    let socket: Socket | null = await connectTo(path, signal);
    const client = new Client("http://firecracker", {
      connect: (_, callback) => {
        const first = socket;
        socket = null;
        const closed = new Error("Firecracker has closed its API");
        // Later: undici has not noted yet that it connects.
        setImmediate(() => (first === null ? callback(closed, null) : callback(null, first)));
      },
      keepAliveTimeout: 2 ** 31 - 1,
      keepAliveMaxTimeout: 2 ** 31 - 1,
      maxResponseSize: maxAnswerBytes,
      pipelining: 1,
    });
    return new FirecrackerApi(client);
  }

  /** Makes the calls one after another; rejects with what Firecracker has against one. */
  async run(calls: readonly ApiCall[], signal: AbortSignal): Promise<void> {
    for (const [method, path, body] of calls) {
      const answer = await this.#client.request({
        method,
        path,
        signal,
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      const text = await answer.body.text();
      if (answer.statusCode >= 300) {
        throw new Error(`Firecracker refuses ${method} ${path}: ${faultOf(text)}`);
      }
    }
  }

  [Symbol.dispose](): void {
    void this.#client.destroy();
  }
}

/** Errors are `{"fault_message": "…"}`. */
function faultOf(text: string): string {
  try {
    const { fault_message: fault } = JSON.parse(text) as { fault_message?: unknown };
    return typeof fault === "string" ? fault : text;
  } catch {
    return text;
  }
}
