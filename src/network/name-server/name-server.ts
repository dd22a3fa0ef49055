import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { messageOf } from "../../core/errors.ts";
import type { Log } from "../../ports/log.ts";
import { type NameClient, Responder } from "./responder.ts";
import { TcpService } from "./tcp-service.ts";
import { Upstream, type UpstreamServer } from "./upstream.ts";

export type { NameClient } from "./responder.ts";

export interface NameServerOptions {
  /** The IPv4 address to answer on. */
  readonly address: string;
  /** 0, or nothing, takes a port that is free by UDP and by TCP. */
  readonly port?: number;
  /** Who is asked for what guests may look up, in this order. */
  readonly upstreams: readonly UpstreamServer[];
  /** The VM behind a source address; whoever is none gets no answer. */
  readonly clientOf: (sourceAddress: string) => NameClient | undefined;
  readonly log: Log;
}

interface Services {
  readonly udp: Socket;
  readonly tcp: TcpService;
}

/** How often a port is looked for that nobody has taken by TCP. */
const maxPortTries = 50;

/**
 * The name server that guests ask. It tells them only of names that their policy allows, and has
 * the addresses admitted before it does.
 */
export class NameServer implements AsyncDisposable {
  readonly port: number;
  readonly #services: Services;
  readonly #responder: Responder;
  readonly #closing: AbortController;
  #closed: Promise<void> | null = null;

  private constructor(services: Services, responder: Responder, closing: AbortController) {
    this.#services = services;
    this.#responder = responder;
    this.#closing = closing;
    this.port = services.udp.address().port;
  }

  /** Resolves when it answers by UDP and TCP; rejects with the system's error where it cannot listen. */
  static async open(options: NameServerOptions): Promise<NameServer> {
    const { clientOf, log, address, port = 0 } = options;
    const closing = new AbortController();
    const upstream = new Upstream(options.upstreams);
    const responder = new Responder({ upstream, clientOf, log, signal: closing.signal });
    const create = (): Services => ({
      udp: udpService(responder, log),
      tcp: new TcpService(responder, clientOf, log),
    });
    return new NameServer(await listen(create, address, port), responder, closing);
  }

  /** Stops answering, and ends what is being looked up. Repeatable. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    this.#closing.abort(new Error("The name server closes"));
    await Promise.all([close(this.#services), this.#responder.settled()]);
  }
}

/** Opens the same port by UDP and TCP; another one where only one of them is free, unless it is named. */
async function listen(create: () => Services, address: string, port: number): Promise<Services> {
  for (let tries = 1; ; tries += 1) {
    const services = create();
    try {
      services.udp.bind({ address, port, exclusive: true });
      await once(services.udp, "listening");
      await services.tcp.listen(address, services.udp.address().port);
      return services;
    } catch (error) {
      await close(services);
      const isTaken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
      if (!isTaken || port !== 0 || tries === maxPortTries) throw error;
    }
  }
}

async function close({ udp, tcp }: Services): Promise<void> {
  const closed = once(udp, "close");
  udp.close();
  await Promise.all([closed, tcp.close()]);
}

function udpService(responder: Responder, log: Log): Socket {
  const socket = createSocket("udp4");
  const failed = (error: unknown) =>
    log.debug({ error: messageOf(error) }, "The name server's socket failed");
  socket.on("error", failed);
  const answer = async (query: Buffer, client: { address: string; port: number }) => {
    const bytes = await responder.respond(query, client.address, "udp");
    // With a callback, so that one that cannot be sent is no error of the socket's.
    if (bytes !== undefined) socket.send(bytes, client.port, client.address, () => undefined);
  };
  // It throws where the socket was closed meanwhile.
  socket.on("message", (query, client) => void answer(query, client).catch(failed));
  return socket;
}
