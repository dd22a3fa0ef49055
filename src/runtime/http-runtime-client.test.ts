import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { GuestConnection } from "../ports/runtime-client.ts";
import { HttpRuntimeClient } from "./http-runtime-client.ts";

const wake = { now: new Date(), instance: "fn-hello-550e8400-2", token: "n".repeat(43) };
const resumed = { status: "resumed", instance: wake.instance, time_ms: 1_790_000_000_000.5 };
const failed = {
  status: "failed",
  logs: [],
  error: { message: "Error: Broken", type: "Error", file: "handler.js", line: 2, column: 5 },
};

describe("HttpRuntimeClient, of a guest whose snapshot is taken", () => {
  const server = createServer();
  let connection: GuestConnection;
  const calls: [request: string | undefined, authorization: string | undefined][] = [];
  const signal = AbortSignal.timeout(10_000);

  /** What the guest answers from now on. */
  const answer = (status: number, body: unknown) => {
    server.removeAllListeners("request").on("request", (request: IncomingMessage, response) => {
      calls.push([request.url, request.headers.authorization]);
      response.writeHead(status).end(typeof body === "string" ? body : JSON.stringify(body));
    });
  };

  beforeEach(async () => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    assert.ok(address !== null && typeof address === "object");
    connection = new HttpRuntimeClient().connect({ host: "127.0.0.1", port: address.port });
    answer(200, { status: "adopted" });
    await connection.adopt("o".repeat(43), "fn-hello-550e8400", signal);
    calls.length = 0;
  });

  afterEach(async () => {
    await connection.close();
    server.close();
    await once(server, "close");
  });

  it("calls quiesce and freeze with the token of its adoption, and resumed with the new one", async () => {
    answer(200, { status: "quiesced" });
    await connection.quiesce(signal);
    answer(200, { status: "frozen" });
    await connection.freeze(signal);
    answer(200, resumed);
    await connection.confirm(wake, signal);
    await connection.confirm(wake, signal);
    assert.deepEqual(calls, [
      ["/control/quiesce", `Bearer ${"o".repeat(43)}`],
      ["/control/freeze", `Bearer ${"o".repeat(43)}`],
      ["/control/resumed", `Bearer ${wake.token}`],
      ["/control/resumed", `Bearer ${wake.token}`],
    ]);
  });

  it("answers a clone's wall clock", async () => {
    answer(200, resumed);
    const time = await connection.confirm(wake, signal);
    assert.equal(time.getTime(), 1_790_000_000_000);
  });

  it("says what the code failed at before a snapshot and after a restore", async () => {
    answer(422, failed);
    const wanted = { code: "code_rejected", message: "Error: Broken (handler.js:2:5)" };
    await assert.rejects(connection.quiesce(signal), wanted);
    await assert.rejects(connection.confirm(wake, signal), wanted);
  });

  it("refuses a clone that says it is another", async () => {
    answer(200, { ...resumed, instance: "fn-hello-550e8400" });
    await assert.rejects(connection.confirm(wake, signal), {
      code: "vm_start_failed",
      message: /"fn-hello-550e8400-2": its clone says that it is "fn-hello-550e8400"$/,
    });
  });

  const lies: Readonly<Record<string, readonly [status: number, body: unknown]>> = {
    "a refusal": [409, { error: "Cannot freeze: 1 invocations run" }],
    "a wrong token": [401, { error: "another token" }],
    "no JSON": [200, "<html>"],
    "no name": [200, { ...resumed, instance: undefined }],
    "no time": [200, { ...resumed, time_ms: "now" }],
    "a time that no calendar has": [200, { ...resumed, time_ms: 1e300 }],
    "a failure without an error": [422, { status: "failed" }],
  };
  for (const [what, [status, body]] of Object.entries(lies)) {
    it(`takes ${what} for a lost VM`, async () => {
      answer(status, body);
      await assert.rejects(connection.confirm(wake, signal), { code: "vm_lost" });
      if (status === 200) return;
      await assert.rejects(connection.quiesce(signal), { code: "vm_lost" });
      await assert.rejects(connection.freeze(signal), { code: "vm_lost" });
    });
  }
});
