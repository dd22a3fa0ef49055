import type { Socket } from "node:net";

import { breakOn, connectTo } from "../shared/unix-socket.ts";

/** A line of the protocol: a greeting, an answer, or an event. */
interface Message {
  readonly QMP?: unknown;
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

/** What QEMU says in a line is some 100 bytes long; one that a guest has taken over may never end it. */
const maxLineBytes = 1024 * 1024;

/** A connection to a QEMU's control socket (the QEMU Machine Protocol). Commands wait their turn. */
export class QmpConnection implements Disposable {
  readonly #socket: Socket;
  readonly #messages: AsyncIterator<string>;
  /** Resolves when the last command that was given has been answered, or given up. */
  #idle: Promise<unknown> = Promise.resolve();

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#messages = linesOf(socket);
  }

  /**
   * Connects and leaves the negotiation behind. Rejects with the reason of `signal` when that
   * aborts first; the connection outlives it.
   */
  static async open(path: string, signal: AbortSignal): Promise<QmpConnection> {
    const socket = await connectTo(path, signal);
    const connection = new QmpConnection(socket);
    using _ = breakOn(socket, signal);
    await connection.#next((message) => message.QMP !== undefined);
    await connection.execute("qmp_capabilities", signal);
    return connection;
  }

  /**
   * Runs a command; resolves to what it returns, and rejects with what QEMU has against it. Where
   * `signal` aborts first, rejects with its reason, and the connection is of no use any more.
   */
  async execute(command: string, signal: AbortSignal, args: object = {}): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#idle;
    this.#idle = promise;
    try {
      await before;
      return await this.#run(command, args, signal);
    } finally {
      resolve();
    }
  }

  async #run(command: string, args: object, signal: AbortSignal): Promise<unknown> {
    using _ = breakOn(this.#socket, signal);
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    const answer = await this.#next((message) => "return" in message || "error" in message);
    if (answer.error === undefined) return answer.return;
    throw new Error(`Cannot run ${command} in QEMU: ${answer.error.desc}`);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  /** Events come between answers and are passed over. */
  async #next(wanted: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const { value, done } = await this.#messages.next();
      if (done === true) throw new Error("QEMU closed its control socket");
      const message = JSON.parse(value) as Message;
      if (wanted(message)) return message;
    }
  }
}

async function* linesOf(socket: Socket): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of socket.setEncoding("utf8") as AsyncIterable<string>) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > maxLineBytes) throw new Error("QEMU sent a line that does not end");
    yield* lines;
  }
}
