import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect, isIPv6 } from "node:net";
import { Semaphore } from "../../lib/semaphore.ts";
import { frame, framesOf, maxFrameBytes } from "./framing.ts";
import { rcodes, readReply, writeRequest } from "./message.ts";
import type { Question, Reply, Request } from "./message.ts";

/** A name server that is asked. An IPv6 address may have a scope: `fe80::1%eth0`. */
export interface UpstreamServer {
  readonly address: string;
  readonly port: number;
}

/** How long one server has for one try, and all tries: what a guest's resolver waits for at least. */
const usualLimits = { tryMs: 1_000, totalMs: 5_000 };
/** Questions under way, each of which has a socket open. */
const maxQuestions = 1_024;

/** The name servers that this host uses, asked one after the other. */
export class Upstream {
  readonly #servers: readonly UpstreamServer[];
  readonly #limits: typeof usualLimits;
  readonly #room = new Semaphore(maxQuestions);

  constructor(servers: readonly UpstreamServer[], limits = usualLimits) {
    this.#servers = servers;
    this.#limits = limits;
  }

  /**
   * Resolves to the first reply that says what there is of a name, or that there is nothing. Rejects
   * when no server gives one in time, and with the reason of `signal` when that aborts first.
   */
  async ask(question: Question, signal: AbortSignal): Promise<Reply> {
    using limit = limited(this.#limits.totalMs, signal);
    return await this.#room.run(() => this.#askInTurn(question, limit.signal), limit.signal);
  }

  async #askInTurn(question: Question, signal: AbortSignal): Promise<Reply> {
    const failures: unknown[] = [];
    // The second round is plain DNS: there are servers that do not take anything else.
    for (const withEdns of [true, false]) {
      for (const server of this.#servers) {
        // A number that nobody else can know, and from the system a port: who guesses needs both.
        const request = writeRequest(randomInt(65_536), question, withEdns);
        try {
          return await this.#askServer(server, request, signal);
        } catch (error) {
          signal.throwIfAborted();
          failures.push(error);
        }
      }
    }
    throw new AggregateError(failures, "No name server of this host answered");
  }

  async #askServer(server: UpstreamServer, request: Request, signal: AbortSignal): Promise<Reply> {
    const { tryMs } = this.#limits;
    const reply = await within(tryMs, signal, (limit) => askByUdp(server, request, limit));
    const whole =
      reply === "cut"
        ? await within(tryMs, signal, (limit) => askByTcp(server, request, limit))
        : reply;
    if (whole.rcode === rcodes.noError || whole.rcode === rcodes.nxDomain) return whole;
    throw new Error(`${server.address} answered with code ${whole.rcode}`);
  }
}

async function askByUdp(
  { address, port }: UpstreamServer,
  request: Request,
  signal: AbortSignal,
): Promise<Reply | "cut"> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply | "cut">();
  const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
  signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  socket.on("error", reject);
  socket.on("message", (bytes) => {
    try {
      const reply = readReply(bytes, request);
      if (reply !== undefined) resolve(reply);
    } catch (error) {
      reject(error);
    }
  });
  // Connected, so that the kernel lets in only what this server sends.
  socket.on("connect", () => socket.send(request.bytes));
  try {
    socket.connect(port, address);
    return await promise;
  } finally {
    socket.close();
  }
}

async function askByTcp(
  { address, port }: UpstreamServer,
  request: Request,
  signal: AbortSignal,
): Promise<Reply> {
  const socket = connect({ host: address, port });
  const stop = () => socket.destroy(signal.reason as Error);
  signal.addEventListener("abort", stop, { once: true });
  // The loop hears of it; when it is left, nobody has to.
  socket.on("error", () => undefined);
  try {
    socket.write(frame(request.bytes));
    for await (const message of framesOf(socket, maxFrameBytes)) {
      const reply = readReply(message, request);
      if (reply === "cut") throw new Error(`${address} cut its answer by TCP too`);
      if (reply !== undefined) return reply;
    }
    throw new Error(`${address} closed the connection without an answer`);
  } finally {
    socket.destroy();
  }
}

async function within<T>(
  ms: number,
  outer: AbortSignal,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  using limit = limited(ms, outer);
  limit.signal.throwIfAborted();
  return await task(limit.signal);
}

/** A signal that aborts after `ms`, or when `outer` does; nothing of it stays when it is disposed of. */
function limited(ms: number, outer: AbortSignal): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const abort = () => controller.abort(outer.reason);
  if (outer.aborted) abort();
  outer.addEventListener("abort", abort, { once: true });
  const late = () => controller.abort(new Error(`No answer within ${ms} ms`));
  const timer = setTimeout(late, ms);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      outer.removeEventListener("abort", abort);
    },
  };
}
