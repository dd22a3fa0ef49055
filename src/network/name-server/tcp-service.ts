import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { messageOf } from "../../core/errors.ts";
import type { Log } from "../../ports/log.ts";
import { ClientLoads } from "./client-loads.ts";
import { frame, framesOf } from "./framing.ts";
import type { Responder } from "./responder.ts";

const maxConnectionsPerClient = 16;
/** How long a connection may stand without a byte in either direction. */
const usualIdleMs = 10_000;
/** A query has one name in it: none comes near this, and what does is not waited for. */
const maxQueryBytes = 4_096;

/** Answers queries by TCP, several in a connection, each as soon as its answer is there. */
export class TcpService {
  readonly #server: Server;
  readonly #responder: Pick<Responder, "respond">;
  readonly #clientOf: (sourceAddress: string) => unknown;
  readonly #idleMs: number;
  readonly #loads = new ClientLoads(maxConnectionsPerClient);
  readonly #sockets = new Set<Socket>();

  constructor(
    responder: Pick<Responder, "respond">,
    clientOf: (sourceAddress: string) => unknown,
    log: Log,
    idleMs = usualIdleMs,
  ) {
    this.#idleMs = idleMs;
    this.#responder = responder;
    this.#clientOf = clientOf;
    // A client may end its side after its last query, and still wants the answer.
    this.#server = createServer({ allowHalfOpen: true }, (socket) => void this.#serve(socket));
    this.#server.on("error", (error) => {
      log.debug({ error: messageOf(error) }, "The name server's listener failed");
    });
  }

  async listen(address: string, port: number): Promise<void> {
    this.#server.listen({ host: address, port, exclusive: true });
    await once(this.#server, "listening");
  }

  /** Breaks off what is open. */
  async close(): Promise<void> {
    const closed = Promise.withResolvers<void>();
    // It has an error for one that never listened.
    this.#server.close(() => closed.resolve());
    for (const socket of this.#sockets) socket.destroy();
    await closed.promise;
  }

  async #serve(socket: Socket): Promise<void> {
    // Clients come and go as they like; that is no error of ours.
    socket.on("error", () => undefined);
    const { remoteAddress } = socket;
    using place =
      remoteAddress !== undefined && this.#clientOf(remoteAddress) !== undefined
        ? this.#loads.enter(remoteAddress)
        : null;
    if (remoteAddress === undefined || place === null) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.setTimeout(this.#idleMs, () => socket.destroy());
    try {
      await this.#answerAll(socket, remoteAddress);
      socket.end();
      if (!socket.closed) await once(socket, "close");
    } catch {
      // Broken off, or not to be read.
    } finally {
      socket.destroy();
      this.#sockets.delete(socket);
    }
  }

  async #answerAll(socket: Socket, address: string): Promise<void> {
    const answering = new Set<Promise<void>>();
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    for await (const message of framesOf(socket, maxQueryBytes)) {
      const answered = this.#answer(socket, message, address);
      answering.add(answered);
      void answered.then(() => answering.delete(answered));
      // Whoever does not take answers may not ask on.
      if (socket.writableNeedDrain) await Promise.race([once(socket, "drain"), closed]);
    }
    await Promise.all(answering);
  }

  async #answer(socket: Socket, message: Buffer, address: string): Promise<void> {
    const answer = await this.#responder.respond(message, address, "tcp");
    if (answer === undefined) socket.destroy();
    else if (socket.writable) socket.write(frame(answer));
  }
}
