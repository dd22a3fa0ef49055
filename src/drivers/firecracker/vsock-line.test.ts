import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { waitUntil } from "../../../test/support/wait-until.ts";
import { VsockLine } from "./vsock-line.ts";

describe("VsockLine", () => {
  let folder = "";
  let path = "";
  const server = createServer();
  const open: Socket[] = [];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "firelet-vsock-"));
    path = join(folder, "vsock.sock");
    server.listen(path);
    await once(server, "listening");
  });
  after(async () => {
    for (const socket of open) socket.destroy();
    server.close();
    await rm(folder, { recursive: true });
  });

  /** A line, the end of Firecracker of it, and what came in at each. */
  const start = async () => {
    const accepted = once(server, "connection") as Promise<[Socket]>;
    const socket = connect({ path });
    await once(socket, "connect");
    const [host] = await accepted;
    open.push(socket, host);
    const heard: Buffer[] = [];
    host.on("data", (bytes: Buffer) => heard.push(bytes));
    const line = new VsockLine("x", socket);
    let taken = "";
    line.receive((bytes) => (taken += Buffer.from(bytes).toString()));
    return { line, host, heard: () => Buffer.concat(heard).toString(), taken: () => taken };
  };

  it("calls the agent's port once, when there is something to send", async () => {
    const { line, host, heard, taken } = await start();
    assert.equal(heard(), "");
    const sent = Promise.all([line.send(Buffer.from("a")), line.send(Buffer.from("b"))]);
    await waitUntil("it calls", () => heard() === "CONNECT 1000\n");
    host.write("OK 1073");
    host.write("741824\nhello");
    await sent;
    await waitUntil("both have come", () => heard() === "CONNECT 1000\nab");
    host.write(" again");
    await waitUntil("all is taken", () => taken() === "hello again");
    line.close();
  });

  it("fails where nobody listens in the guest, and goes on failing", async () => {
    const { line, host, heard } = await start();
    const sent = line.send(Buffer.from("a"));
    const refused = assert.rejects(sent, { code: "vm_lost", message: /nobody answers/ });
    await waitUntil("it calls", () => heard() !== "");
    host.destroy();
    await refused;
    await assert.rejects(line.send(Buffer.from("b")), { code: "vm_lost" });
  });

  it("believes no other answer, however long", async () => {
    for (const answer of ["NO\n", "x".repeat(1_000)]) {
      const { line, host, heard } = await start();
      const refused = assert.rejects(line.send(Buffer.from("a")), { code: "vm_lost" });
      await waitUntil("it calls", () => heard() !== "");
      host.write(answer);
      await refused;
    }
  });
});
