import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import { pacedConnector } from "./paced-connector.ts";

const slowServer = join(import.meta.dirname, "../../test/fixtures/slow-accept-server.mjs");

function connectTo(connector: ReturnType<typeof pacedConnector>, port: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const options = { hostname: "127.0.0.1", protocol: "http:", port };
    connector(options, (error, socket) => {
      if (error === null) resolve(socket);
      else reject(error);
    });
  });
}

describe("pacedConnector", () => {
  it("gets a burst of connections through a listener with a backlog of one, all of them alive", async () => {
    const server = spawn(process.execPath, [slowServer], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      const [output] = (await once(server.stdout, "data")) as [Buffer];
      const connector = pacedConnector();
      const port = output.toString().trim();
      const startMs = performance.now();
      const echoes = Array.from({ length: 50 }, async () => {
        const socket = await connectTo(connector, port);
        socket.write("hello\n");
        await once(socket, "data");
        socket.destroy();
      });
      await Promise.all(echoes);
      // A connection that the kernel left half open takes its first second to come back.
      const tookMs = performance.now() - startMs;
      assert.ok(tookMs < 3_000, `took ${tookMs} ms`);
    } finally {
      server.kill("SIGKILL");
    }
  });

  it("says at once that nobody listens", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, "close");
    const refused = connectTo(pacedConnector(), String(port));
    await assert.rejects(refused, { code: "ECONNREFUSED" });
  });

  it("goes on with the next connection after one that failed", async () => {
    const connector = pacedConnector();
    await assert.rejects(connectTo(connector, "1"), { code: "ECONNREFUSED" });
    const server = createServer((socket) => socket.end("hi")).listen(0, "127.0.0.1");
    await once(server, "listening");
    const socket = await connectTo(connector, String((server.address() as AddressInfo).port));
    assert.equal(String(await once(socket, "data")), "hi");
    server.close();
  });
});
