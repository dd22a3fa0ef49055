import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** What a connection posts, again and again. */
export interface Call {
  readonly url: string;
  readonly body: string;
}

/** One kept-alive connection that does as little as possible, so that the server's time is seen. */
export class Connection {
  readonly #socket: Socket;
  readonly #request: Buffer;

  private constructor(socket: Socket, { url, body }: Call) {
    const { pathname, host } = new URL(url);
    this.#socket = socket;
    this.#request = Buffer.from(
      `POST ${pathname} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\n` +
        `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }

  /** Resolves when it is established. */
  static async open(call: Call): Promise<Connection> {
    const { hostname, port } = new URL(call.url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    await once(socket, "connect");
    return new Connection(socket, call);
  }

  /** Resolves to the answer, head and body, once it is there whole. */
  call(): Promise<string> {
    return new Promise((resolve, reject) => {
      let answer = "";
      const settle = () => {
        this.#socket.off("data", onData).off("error", reject).off("close", onClose);
      };
      const onClose = () => reject(new Error("The server closed the connection unasked"));
      const onData = (chunk: Buffer) => {
        answer += chunk.toString("latin1");
        const length = /\r\ncontent-length: (\d+)\r\n/i.exec(answer)?.[1];
        const head = answer.indexOf("\r\n\r\n");
        if (head < 0 || answer.length < head + 4 + Number(length)) return;
        settle();
        resolve(answer);
      };
      this.#socket.on("data", onData).once("error", reject).once("close", onClose);
      this.#socket.write(this.#request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** The status of an answer. */
export function statusOf(answer: string): string {
  return answer.slice(9, 12);
}

/** The body of an answer, from JSON. */
export function bodyOf(answer: string): unknown {
  return JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4));
}
