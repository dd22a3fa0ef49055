import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { chown, rm, stat } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";

/** The state of a machine is some 70 KB; a QEMU that its guest has taken over may send without end. */
const stateLimitBytes = 16 * 1024 * 1024;

/**
 * Takes what a QEMU writes of its machine's state. QEMU 7.2 writes to a descriptor only where that
 * was sent over its control socket, which Node cannot do, and may start no program: so it connects
 * to a socket. That lies beside its working folder, where only the manager makes anything.
 */
export class StateReceiver implements AsyncDisposable {
  /** The socket, as QEMU finds it from its working folder. */
  readonly path = "../state.sock";
  readonly #socketPath: string;
  readonly #server: Server;
  readonly #received: Promise<void>;

  private constructor(server: Server, socketPath: string, state: string) {
    this.#server = server;
    this.#socketPath = socketPath;
    this.#received = once(server, "connection").then(async ([socket]: Socket[]) => {
      if (socket === undefined) return;
      await pipeline(socket, withinLimit, createWriteStream(state, { mode: 0o600 }));
    });
    // It is looked at by `finished`, which nobody may come to.
    this.#received.catch(() => undefined);
  }

  /** Listens for the QEMU that works in `runFolder`; what it sends goes to the file `state`. */
  static async open(runFolder: string, state: string): Promise<StateReceiver> {
    const socketPath = join(dirname(runFolder), "state.sock");
    const server = createServer();
    server.maxConnections = 1;
    const receiver = new StateReceiver(server, socketPath, state);
    server.listen(socketPath);
    await once(server, "listening");
    const { uid, gid } = await stat(runFolder);
    await chown(socketPath, uid, gid);
    return receiver;
  }

  /** Resolves when all of it is in the file. */
  async finished(signal: AbortSignal): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    const giveUp = () => reject(signal.reason);
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      await Promise.race([this.#received, promise]);
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    await rm(this.#socketPath, { force: true });
  }
}

async function* withinLimit(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > stateLimitBytes) {
      throw new Error(`QEMU sent more than ${stateLimitBytes} bytes of state`);
    }
    yield chunk;
  }
}
