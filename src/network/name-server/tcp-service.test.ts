import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { describe, it } from "node:test";
import { quiet } from "../../../test/support/name-server-setup.ts";
import { passTime, waitUntil } from "../../../test/support/wait-until.ts";
import { frame } from "./framing.ts";
import { TcpService } from "./tcp-service.ts";

/** A service that counts queries and answers each with so many bytes, and a connection to it. */
async function open(answerBytes: number, idleMs?: number) {
  const counts = { queries: 0 };
  const respond = async () => {
    counts.queries += 1;
    return Buffer.alloc(answerBytes);
  };
  const service = new TcpService({ respond }, () => true, quiet, idleMs);
  const port = await freePort();
  await service.listen("127.0.0.1", port);
  const socket: Socket = connect({ host: "127.0.0.1", port });
  socket.on("error", () => undefined);
  return {
    counts,
    socket,
    async [Symbol.asyncDispose]() {
      socket.destroy();
      await service.close();
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

describe("TcpService", () => {
  it("reads no further while its client does not take the answers", async () => {
    await using setup = await open(60_000);
    const { counts, socket } = setup;
    // The answers are far more than the buffers of two sockets hold.
    for (let count = 0; count < 2_000; count += 1) socket.write(frame(Buffer.from("query")));
    await waitUntil("it is at a stand", async () => {
      const before = counts.queries;
      await passTime(200);
      return before > 0 && counts.queries === before;
    });
    assert.ok(counts.queries < 1_000, `${counts.queries} answered`);
    socket.resume();
    await waitUntil("it goes on when they are taken", () => counts.queries === 2_000);
  });

  it("closes a connection in which nothing comes", async () => {
    await using setup = await open(10, 150);
    const { socket } = setup;
    socket.resume();
    const startMs = performance.now();
    socket.write(frame(Buffer.from("query")));
    await once(socket, "close");
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs >= 140 && tookMs < 2_000, `took ${tookMs} ms`);
  });
});
