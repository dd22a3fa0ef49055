import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { startMemoryPlatform, type MemoryPlatform } from "../../test/support/memory-platform.ts";

describe("what HTTP's parser refuses", () => {
  let memory: MemoryPlatform;
  let port: number;
  before(async () => {
    memory = await startMemoryPlatform();
    port = Number(new URL(await memory.app.listen({ host: "127.0.0.1", port: 0 })).port);
  });
  after(() => memory.close());

  /** Sends these bytes; resolves to all that comes back until the manager hangs up. */
  const send = async (bytes: string): Promise<string> => {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    socket.write(bytes);
    return text(socket);
  };

  const unreadable: readonly [what: string, bytes: string, message: RegExp][] = [
    ["no HTTP", "hello\r\n\r\n", /^Malformed request: Parse Error/],
    [
      "large headers",
      `GET /health HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(17_000)}\r\n\r\n`,
      /^Malformed request: its headers are over 16 KiB$/,
    ],
  ];
  for (const [what, bytes, message] of unreadable) {
    it(`is answered in the one error shape: ${what}`, async () => {
      const [head = "", body = ""] = (await send(bytes)).split("\r\n\r\n");
      assert.match(head, /^HTTP\/1\.1 400 Bad Request\r\nx-request-id: [0-9a-f-]{36}\r\n/);
      const { error, code } = JSON.parse(body);
      assert.match(error, message);
      assert.equal(code, "invalid_request");
    });
  }
});
