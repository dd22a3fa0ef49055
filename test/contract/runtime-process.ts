import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { describe, it } from "node:test";

import { startRuntimeProcess } from "../support/runtime-process.ts";

/** How a runtime server starts and ends, where the test can see its process. */
export function runtimeProcessSuite(label: string, argv: readonly [string, ...string[]]): void {
  const refusesToStart = async (listen: string) => {
    const [command, ...args] = argv;
    const { promise, resolve } = Promise.withResolvers<{ status: unknown; output: string }>();
    const options = { env: { PATH: process.env.PATH, FIRELET_LISTEN: listen }, timeout: 20_000 };
    execFile(command, args, options, (error, stdout, stderr) => {
      resolve({ status: error ? error.code : 0, output: stdout + stderr });
    });
    const { status, output } = await promise;
    assert.equal(status, 1, output);
    return output;
  };

  describe(`process of the runtime server: ${label}`, () => {
    it("ends with status 0 on SIGTERM, connections and invocations or not", async () => {
      const server = await startRuntimeProcess(argv);
      try {
        const health = await fetch(`http://127.0.0.1:${server.address.port}/health`);
        assert.equal(health.status, 200);
        const exit = once(server.child, "exit");
        server.child.kill("SIGTERM");
        assert.deepEqual(await exit, [0, null]);
      } finally {
        await server.stop();
      }
    });

    it("listens on the address it is told, and says so", async () => {
      const server = await startRuntimeProcess(argv, { host: "127.77.6.5" });
      try {
        assert.equal(server.address.host, "127.77.6.5");
        assert.equal((await fetch(`http://127.77.6.5:${server.address.port}/health`)).status, 200);
      } finally {
        await server.stop();
      }
    });

    it("ends with status 1 and says why when it cannot listen", async () => {
      const holder = createServer().listen(0, "127.0.0.1");
      await once(holder, "listening");
      const address = holder.address();
      assert.ok(address !== null && typeof address === "object");
      try {
        const output = await refusesToStart(`127.0.0.1:${address.port}`);
        assert.match(output, new RegExp(`runtime-server: .*127.0.0.1:${address.port}`));
      } finally {
        holder.close();
      }
    });

    it("ends with status 1 when FIRELET_LISTEN is no address", async () => {
      for (const listen of ["nonsense", "127.0.0.1:", "127.0.0.1:70000"]) {
        assert.match(await refusesToStart(listen), /runtime-server: .*FIRELET_LISTEN/);
      }
    });
  });
}
