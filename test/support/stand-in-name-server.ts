import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server, type Socket as Connection } from "node:net";
import { decode, encode, RECURSION_AVAILABLE, type Answer, type Packet } from "dns-packet";
import { frame, framesOf } from "../../src/network/name-server/framing.ts";

export interface Asked {
  /** As it was written. */
  readonly name: string;
  readonly type: string;
  readonly transport: "udp" | "tcp";
  /** Where it came from. */
  readonly port: number;
  readonly packet: Packet;
}

type Sections = Pick<Packet, "answers" | "authorities" | "additionals" | "flags">;
/** What it replies; bytes as they are, several where there are several; null for nothing. */
export type Script = (asked: Asked) => Reply | Promise<Reply>;
type Reply = Sections | readonly Buffer[] | null;

/** A name server that says what a test tells it to, and remembers what it was asked. */
export class StandInNameServer implements AsyncDisposable {
  readonly asked: Asked[] = [];
  readonly #udp: Socket;
  readonly #tcp: Server;
  readonly #connections = new Set<Connection>();
  readonly #script: Script;

  private constructor(script: Script) {
    this.#script = script;
    this.#udp = createSocket("udp4");
    this.#udp.on("message", (bytes, { port, address }) => {
      void this.#reply(bytes, { transport: "udp", port }).then((replies) => {
        for (const reply of replies) this.#udp.send(reply, port, address, () => undefined);
      });
    });
    this.#tcp = createServer((connection) => void this.#serve(connection));
  }

  static async open(script: Script, address = "127.0.0.1"): Promise<StandInNameServer> {
    for (;;) {
      const server = new StandInNameServer(script);
      server.#udp.bind({ address, port: 0 });
      await once(server.#udp, "listening");
      try {
        server.#tcp.listen({ host: address, port: server.server.port });
        await once(server.#tcp, "listening");
        return server;
      } catch {
        // Somebody has the port by TCP.
        server.#udp.close();
      }
    }
  }

  get server(): { address: string; port: number } {
    const { address, port } = this.#udp.address();
    return { address, port };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#udp.close();
    this.#tcp.close();
    for (const connection of this.#connections) connection.destroy();
    await once(this.#tcp, "close");
  }

  async #serve(connection: Connection): Promise<void> {
    this.#connections.add(connection);
    connection.on("error", () => undefined);
    try {
      for await (const message of framesOf(connection, 65_535)) {
        const from = { transport: "tcp", port: connection.remotePort ?? 0 } as const;
        for (const reply of await this.#reply(message, from)) connection.write(frame(reply));
      }
    } catch {
      // Its client broke it off.
    }
  }

  async #reply(bytes: Buffer, from: Pick<Asked, "transport" | "port">): Promise<readonly Buffer[]> {
    const packet = decode(bytes);
    const [question] = packet.questions ?? [];
    if (question === undefined) return [];
    const asked = { name: question.name, type: question.type, ...from, packet };
    this.asked.push(asked);
    const reply = await this.#script(asked);
    if (reply === null) return [];
    return "length" in reply ? reply : [replyTo(packet, reply)];
  }
}

export function replyTo(packet: Packet, sections: Sections): Buffer {
  const { id, questions } = packet;
  const flags = RECURSION_AVAILABLE | (sections.flags ?? 0);
  return encode({ type: "response", id, questions, ...sections, flags });
}

export function a(name: string, address: string, ttl = 60): Answer {
  return { type: "A", name, ttl, data: address };
}
