import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";

import { QmpConnection } from "./qmp.ts";

const never = new AbortController().signal;

describe("QmpConnection", () => {
  let folder = "";
  let path = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "firelet-qmp-"));
    path = join(folder, "qmp.sock");
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** A QEMU that has come as far as its negotiation; what follows is `answer`'s. */
  const qemu = async (answer: (socket: Socket, command: string) => void) => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => undefined);
      socket.write('{"QMP": {}}\n');
      socket.on("data", (line: Buffer) => {
        const { execute } = JSON.parse(line.toString()) as { execute: string };
        if (execute === "qmp_capabilities") socket.write('{"return": {}}\n');
        else answer(socket, execute);
      });
    });
    server.listen(path);
    await once(server, "listening");
    return {
      [Symbol.dispose]: () => {
        for (const socket of sockets) socket.destroy();
        server.close();
      },
    };
  };

  it("passes events over, and rejects with what QEMU has against a command", async () => {
    using _ = await qemu((socket, command) => {
      socket.write('{"event": "STOP"}\n{"ret');
      socket.write(
        command === "stop" ? 'urn": {"a": 1}}\n' : 'urned": 0}\n{"error": {"desc": "No"}}\n',
      );
    });
    using control = await QmpConnection.open(path, never);
    assert.deepEqual(await control.execute("stop", never), { a: 1 });
    await assert.rejects(control.execute("cont", never), {
      message: "Cannot run cont in QEMU: No",
    });
  });

  it("outlives the signal that it was opened with", async () => {
    using _ = await qemu((socket) => socket.write('{"return": {}}\n'));
    const opening = new AbortController();
    using control = await QmpConnection.open(path, opening.signal);
    opening.abort();
    assert.deepEqual(await control.execute("cont", never), {});
  });

  it("gives up a command that is not answered, and says so at the next", async () => {
    const giveUp = new AbortController();
    const why = new Error("enough");
    using _ = await qemu(() => giveUp.abort(why));
    using control = await QmpConnection.open(path, never);
    await assert.rejects(control.execute("stop", giveUp.signal), why);
    await assert.rejects(control.execute("cont", never), /closed its control socket/);
  });

  it("gives up on a line that does not end", async () => {
    using _ = await qemu((socket) => socket.write("x".repeat(2 * 1024 * 1024)));
    using control = await QmpConnection.open(path, never);
    await assert.rejects(control.execute("stop", never), /a line that does not end/);
  });
});
