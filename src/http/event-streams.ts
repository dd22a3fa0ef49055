import type { ServerResponse } from "node:http";
import type { FastifyReply } from "fastify";
import type { Clock } from "../ports/clock.ts";

/** One server-sent event: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export interface ServerEvent {
  /** What a reader who comes back says that it has. */
  readonly id?: string;
  readonly event: string;
  readonly data: object;
}

export interface ServerEvents {
  /** What a reader who has seen no event yet says that it has, when it comes back. */
  readonly start: string;
  readonly events: AsyncIterable<ServerEvent>;
}

/** Tells a reader, and what lies between, that the connection is alive. */
const heartbeatMs = 15_000;
/** How long a reader may take nothing while there is something for it. */
const stallMs = 30_000;
/** How long a reader that was cut off waits before it comes back. */
const retryMs = 1_000;

/** The streams of server-sent events that are open. */
export class EventStreams {
  readonly #clock: Clock;
  readonly #open = new Set<AbortController>();
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Answers with what `open` resolves to, event by event, until that ends, the reader goes, or takes
   * nothing for 30 s. Nothing is held for a reader who is slow: its next event is asked for when it
   * has taken the last one. The signal aborts when the stream is over. Rejects as `open` does.
   */
  async answer(
    reply: FastifyReply,
    open: (signal: AbortSignal) => Promise<ServerEvents>,
  ): Promise<void> {
    const over = new AbortController();
    this.#open.add(over);
    reply.raw.once("close", () => over.abort());
    if (this.#closed) over.abort(stopping);
    try {
      const events = await open(over.signal);
      reply.hijack();
      await this.#send(reply, events, over.signal);
    } finally {
      over.abort();
      this.#open.delete(over);
    }
  }

  /** Ends all of them, with an event that says why. */
  close(): void {
    this.#closed = true;
    for (const over of this.#open) over.abort(stopping);
  }

  async #send(
    reply: FastifyReply,
    { start, events }: ServerEvents,
    signal: AbortSignal,
  ): Promise<void> {
    const { raw } = reply;
    raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      // Kept open for another call it would hold up a server that closes.
      connection: "close",
      // Some reverse proxies would gather events.
      "x-accel-buffering": "no",
    });
    raw.write(`id: ${start}\nretry: ${retryMs}\n\n`);
    const heartbeat = this.#clock.every(heartbeatMs, () => {
      if (!raw.writableNeedDrain) raw.write(":\n\n");
    });
    try {
      for await (const event of events) {
        if (!(await this.#put(raw, event))) break;
      }
      if (signal.reason === stopping) await this.#put(raw, end("stopping"));
      raw.end();
    } catch (error) {
      reply.log.error({ err: error, requestId: reply.request.id }, "A stream of events broke off");
      raw.destroy();
    } finally {
      heartbeat.cancel();
    }
  }

  /** Whether the reader is still there when it has room for more. */
  #put(raw: ServerResponse, event: ServerEvent): Promise<boolean> {
    if (raw.destroyed) return Promise.resolve(false);
    if (raw.write(textOf(event))) return Promise.resolve(true);
    return new Promise((resolve) => {
      const stalled = this.#clock.after(stallMs, () => raw.destroy());
      const settle = () => {
        stalled.cancel();
        raw.off("drain", settle).off("close", settle);
        resolve(!raw.destroyed);
      };
      raw.on("drain", settle).on("close", settle);
    });
  }
}

const stopping = new Error("The manager is stopping");

/** The last event of a stream that its reader did not end. */
export function end(reason: "deleted" | "stopping"): ServerEvent {
  return { event: "end", data: { reason } };
}

/** JSON has no line breaks of its own, so that it is one line. */
function textOf({ id, event, data }: ServerEvent): string {
  const idLine = id === undefined ? "" : `id: ${id}\n`;
  return `${idLine}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
