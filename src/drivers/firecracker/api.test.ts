import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { text } from "node:stream/consumers";

import { FirecrackerApi } from "./api.ts";

const limit = () => AbortSignal.timeout(5_000);

describe("FirecrackerApi", () => {
  let folder = "";
  let connections = 0;
  const heard: string[] = [];
  let answer: (response: ServerResponse) => void;
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      heard.push(`${request.method} ${request.url} ${body}`);
      answer(response);
    });
  });
  server.on("connection", () => (connections += 1));
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "firelet-api-"));
    server.listen(join(folder, "api.sock"));
    await once(server, "listening");
  });
  after(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  });
  beforeEach(() => {
    connections = 0;
    heard.length = 0;
    answer = (response) => void response.writeHead(204).end();
  });
  const open = () => FirecrackerApi.open(join(folder, "api.sock"), limit());

  it("makes calls in their order, over the one connection that it began with", async () => {
    using api = await open();
    await api.run(
      [
        ["PUT", "/machine-config", { vcpu_count: 1 }],
        ["PATCH", "/vm", { state: "Paused" }],
      ],
      limit(),
    );
    await api.run([["PATCH", "/vm", { state: "Resumed" }]], limit());
    assert.deepEqual(heard, [
      'PUT /machine-config {"vcpu_count":1}',
      'PATCH /vm {"state":"Paused"}',
      'PATCH /vm {"state":"Resumed"}',
    ]);
    assert.equal(connections, 1);
  });

  it("says what Firecracker has against a call, and makes none after it", async () => {
    using api = await open();
    answer = (response) =>
      void response.writeHead(400).end('{"fault_message": "Invalid vcpu_count: 0"}');
    const calls = [
      ["PUT", "/machine-config", { vcpu_count: 0 }],
      ["PUT", "/actions", {}],
    ] as const;
    await assert.rejects(api.run(calls, limit()), {
      message: "Firecracker refuses PUT /machine-config: Invalid vcpu_count: 0",
    });
    assert.equal(heard.length, 1);
    answer = (response) => void response.writeHead(500).end("no JSON");
    await assert.rejects(api.run(calls, limit()), { message: /: no JSON$/ });
  });

  it("does not connect again, since another may listen there then", async () => {
    using api = await open();
    answer = (response) => void response.socket?.destroy();
    await assert.rejects(api.run([["PATCH", "/vm", {}]], limit()));
    answer = (response) => void response.writeHead(204).end();
    await assert.rejects(api.run([["PATCH", "/vm", {}]], limit()), /has closed its API/);
    assert.equal(connections, 1);
  });

  it("gives up where no answer comes", async () => {
    using api = await open();
    answer = () => undefined;
    const soon = AbortSignal.timeout(50);
    await assert.rejects(api.run([["PATCH", "/vm", {}]], soon), { name: "TimeoutError" });
  });
});
