import assert from "node:assert/strict";
import { connect, type AddressInfo, type Socket } from "node:net";
import { afterEach, beforeEach, describe, it } from "node:test";
import { fastify, type FastifyInstance } from "fastify";
import { ManualClock, settle } from "../../test/support/manual-clock.ts";
import { passTime, waitUntil } from "../../test/support/wait-until.ts";
import { EventStreams, type ServerEvent } from "./event-streams.ts";

describe("EventStreams", () => {
  let app: FastifyInstance;
  let clock: ManualClock;
  let streams: EventStreams;
  let source: () => AsyncIterable<ServerEvent>;
  let signals: AbortSignal[];
  let socket: Socket;
  let text: string;
  let closed: boolean;
  beforeEach(async () => {
    clock = new ManualClock();
    streams = new EventStreams(clock);
    signals = [];
    app = fastify();
    app.get("/", (_request, reply) =>
      streams.answer(reply, (signal) => {
        signals.push(signal);
        return Promise.resolve({ start: "7", events: source() });
      }),
    );
    await app.listen({ host: "127.0.0.1", port: 0 });
    const { port } = app.server.address() as AddressInfo;
    [text, closed] = ["", false];
    socket = connect(port, "127.0.0.1");
    socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    socket.on("close", () => (closed = true)).on("error", () => undefined);
  });
  afterEach(async () => {
    socket.destroy();
    streams.close();
    await app.close();
  });

  const call = () => socket.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");

  /** Nothing, until the stream is over. */
  const silence = () => ({
    [Symbol.asyncIterator]: () => ({
      next: () =>
        new Promise<IteratorResult<ServerEvent>>((resolve) => {
          const done = { done: true, value: undefined } as const;
          signals.at(-1)?.addEventListener("abort", () => resolve(done));
        }),
    }),
  });

  it("says where it begins, and gives a sign of life every 15 s", async () => {
    source = silence;
    call();
    await waitUntil("it begins", () => text.includes("id: 7\nretry: 1000\n\n"));
    await clock.advance(14_999);
    await passTime(50);
    assert.ok(!text.includes(":\n\n"));
    await clock.advance(1);
    await waitUntil("the sign", () => text.includes(":\n\n"));
  });

  it("cuts off a reader who takes nothing for 30 s, while there is something for it", async () => {
    source = flood;
    call();
    await waitUntil("it begins", () => text.includes("event: more"));
    socket.pause();
    // Until the buffers between both are full.
    await passTime(300);
    await clock.advance(29_000);
    await settle();
    assert.equal(signals[0]?.aborted, false);
    await clock.advance(1_001);
    await waitUntil("it is cut off", () => signals[0]?.aborted === true);
    socket.resume();
    await waitUntil("the connection is closed", () => closed);
  });

  it("breaks off where its source fails, which the reader sees", async () => {
    source = async function* () {
      yield { id: "8", event: "one", data: { n: 1 } };
      await waitUntil("it is read", () => text.includes("id: 8"));
      throw new Error("no store");
    };
    call();
    await waitUntil("it is cut off", () => closed);
    assert.match(text, /id: 8\nevent: one\ndata: \{"n":1\}\n\n/);
    assert.ok(!text.includes("no store"));
  });
});

async function* flood(): AsyncGenerator<ServerEvent> {
  for (;;) yield { event: "more", data: { text: "x".repeat(100_000) } };
}
