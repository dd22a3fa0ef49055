import assert from "node:assert/strict";
import { once } from "node:events";
import { afterEach, beforeEach, describe, it } from "node:test";
import { WebSocket, type ClientOptions } from "ws";
import { type MemoryPlatform, startMemoryPlatform } from "../../test/support/memory-platform.ts";
import { passTime, waitUntil } from "../../test/support/wait-until.ts";
import type { VmFiguresItem, VmItem, VmShellItem } from "../api/vms.ts";

let memory: MemoryPlatform;
let url = "";
let vm: VmItem;
const sockets: WebSocket[] = [];

beforeEach(async () => {
  memory = await startMemoryPlatform();
  url = (await memory.app.listen({ port: 0 })).replace("[::1]", "localhost");
  const payload = { name: "hello", runtime: "node", code: "x", min_vms: 1 };
  await memory.app.inject({ method: "POST", url: "/v1/functions", payload });
  await waitUntil("its VM runs", async () => {
    const { items } = (await memory.app.inject("/v1/vms")).json<{ items: VmItem[] }>();
    if (items[0]?.state !== "running") return false;
    vm = items[0];
    return true;
  });
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate();
  await memory.close();
});

/** A client that keeps what it gets; `closed` is how it ended. */
function open(path: string, options: ClientOptions = {}) {
  const socket = new WebSocket(url.replace("http", "ws") + path, options);
  sockets.push(socket);
  // What a test does not expect shows in how it ended.
  socket.on("error", () => undefined);
  const texts: string[] = [];
  const printed: Buffer[] = [];
  socket.on("message", (data: Buffer, binary) => {
    if (binary) printed.push(data);
    else texts.push(data.toString());
  });
  const closed = new Promise((resolve) => {
    socket.on("close", (code, reason) => resolve([code, reason.toString()]));
  });
  return { socket, texts, printed, closed };
}

/** How a handshake is refused. */
async function refusalOf(path: string, options: ClientOptions = {}) {
  const { socket } = open(path, options);
  const { promise, resolve } = Promise.withResolvers<{ status: number; headers: object }>();
  socket.on("unexpected-response", (_request, response) => {
    resolve({ status: response.statusCode ?? 0, headers: response.headers });
    response.destroy();
  });
  return promise;
}

function basic(username: string, password: string): ClientOptions {
  const encoded = Buffer.from(`${username}:${password}`).toString("base64");
  return { headers: { authorization: `Basic ${encoded}` } };
}

const credentials = async () => {
  const { json } = await memory.app.inject(`/v1/vms/${vm.id}/shell`);
  return json<VmShellItem>();
};
const shellPath = () => `/v1/vms/${vm.id}/shell/ws`;

/** A client of a terminal that is open. */
async function opened(options: ClientOptions = {}, query = "") {
  const client = open(shellPath() + query, options);
  await waitUntil("a terminal is open", () => memory.agents.agents[0]?.terminals.length === 1);
  const [terminal] = memory.agents.only.terminals;
  assert.ok(terminal);
  if (client.socket.readyState !== WebSocket.OPEN) await once(client.socket, "open");
  return { ...client, terminal };
}

describe("the WebSocket of a VM's figures", () => {
  it("sends a frame a second of what guest and host say, which the history has too", async () => {
    const { texts } = open(`/v1/vms/${vm.name}/metrics/ws`);
    await waitUntil("two frames came", () => texts.length >= 2);
    const frames = texts.map((text) => JSON.parse(text) as VmFiguresItem);
    const [one, two] = frames;
    assert.ok(one && two);
    const passedMs = Date.parse(two.timestamp) - Date.parse(one.timestamp);
    assert.ok(passedMs >= 900, `${passedMs} ms`);
    assert.equal(one.vm_id, vm.id);
    assert.equal(one.memory_usage_percent, 25);
    assert.equal(one.memory_peak_bytes, 60 * 2 ** 20);
    assert.equal(one.network_in_bytes, 1);
    assert.equal(one.vmm.network_in_bytes, null);
    const { json } = await memory.app.inject(`/v1/vms/${vm.id}/metrics`);
    assert.deepEqual(json<{ items: VmFiguresItem[] }>().items.slice(0, 2), [one, two]);
    const item = (await memory.app.inject(`/v1/vms/${vm.id}`)).json<{ item: VmItem }>().item;
    assert.equal(item.memory_used_bytes, 50 * 2 ** 20);
  });

  it("closes with the reason when the VM goes", async () => {
    const { closed, texts } = open(`/v1/vms/${vm.id}/metrics/ws`);
    await waitUntil("it is watched", () => texts.length > 0);
    memory.vms.only.crash();
    assert.deepEqual(await closed, [1001, `VM "${vm.name}" has gone`]);
  });

  it("closes with the reason when the manager stops", async () => {
    const { closed, texts } = open(`/v1/vms/${vm.id}/metrics/ws`);
    await waitUntil("it is watched", () => texts.length > 0);
    await memory.app.close();
    assert.deepEqual(await closed, [1001, "The manager is stopping"]);
  });

  it("refuses before it is one: no such VM, another origin, no handshake", async () => {
    assert.equal((await refusalOf("/v1/vms/absent/metrics/ws")).status, 404);
    const path = `/v1/vms/${vm.id}/metrics/ws`;
    assert.equal((await refusalOf(path, { origin: "http://evil.example" })).status, 403);
    const plain = await memory.app.inject(path);
    assert.deepEqual([plain.statusCode, plain.headers["upgrade"]], [426, "websocket"]);
    assert.equal(plain.json<{ code: string }>().code, "upgrade_required");
  });
});

describe("the WebSocket of a VM's shell", () => {
  it("has credentials of the VM's own, the same while it lives", async () => {
    const { username, password, ws_url: wsUrl } = await credentials();
    assert.equal(username, "root");
    assert.ok(password.length >= 32);
    assert.match(wsUrl, new RegExp(`^ws://[^/]+/v1/vms/${vm.id}/shell/ws$`));
    assert.equal((await credentials()).password, password);
  });

  it("asks for a login, unless the handshake brings it", async () => {
    const { password } = await credentials();
    const { terminal } = await opened();
    assert.deepEqual([terminal.options.welcome, terminal.options.password], [false, password]);
  });

  it("asks for none where the handshake has the credentials, and refuses wrong ones", async () => {
    const { password } = await credentials();
    const wrong = await refusalOf(shellPath(), basic("root", `${password}x`));
    assert.equal(wrong.status, 401);
    assert.match(JSON.stringify(wrong.headers), /"www-authenticate":"Basic realm/);
    assert.equal((await refusalOf(shellPath(), basic("toor", password))).status, 401);
    const headers = { authorization: `Bearer ${password}` };
    assert.equal((await refusalOf(shellPath(), { headers })).status, 401);
    const { terminal } = await opened(basic("root", password));
    assert.equal(terminal.options.welcome, true);
  });

  it("is refused where nobody answers in the guest", async () => {
    const { terminal } = await opened();
    memory.agents.only.answers = false;
    assert.equal((await refusalOf(shellPath())).status, 404);
    const plain = await memory.app.inject(shellPath());
    const message = `Cannot open a shell in VM "${vm.name}": It does not answer`;
    assert.deepEqual(plain.json(), { error: message, code: "no_shell" });
    assert.equal(terminal.closed, false);
  });

  it("passes bytes and sizes on as they are", async () => {
    const { printed, socket, terminal } = await opened({}, "?cols=100&rows=30");
    assert.deepEqual([terminal.size.columns, terminal.size.rows], [100, 30]);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    socket.send(bytes);
    await waitUntil("they were typed", () => terminal.typed === bytes.toString("latin1"));
    await terminal.options.onOutput(bytes);
    await waitUntil("they were printed", () => printed.length === 1);
    assert.deepEqual(printed, [bytes]);
    socket.send('{"type":"resize","cols":120,"rows":40}');
    await waitUntil("it has its size", () => terminal.size.columns === 120);
    assert.equal(terminal.size.rows, 40);
  });

  it("reads no more of a client than its program does", async () => {
    const { socket, terminal } = await opened();
    const { promise, resolve } = Promise.withResolvers<void>();
    terminal.room = promise;
    for (let count = 0; count < 512; count += 1) socket.send(Buffer.alloc(64 * 1024, "x"));
    await passTime(300);
    assert.ok(terminal.typed.length <= 4 * 2 ** 20, `${terminal.typed.length} bytes`);
    terminal.room = Promise.resolve();
    resolve();
    await waitUntil("all was typed", () => terminal.typed.length === 32 * 2 ** 20);
  });

  it("says what it wants as text", async () => {
    for (const text of ["hello", '{"type":"resize","cols":0,"rows":1}']) {
      const { closed, socket } = open(shellPath());
      await once(socket, "open");
      socket.send(text);
      assert.match(String(await closed), /^1008,Found text ".*", want \{"type": "resize", "cols"/);
    }
    assert.equal((await refusalOf(`${shellPath()}?cols=0`)).status, 400);
  });

  it("closes with the status of the shell, and hangs up for a client that goes", async () => {
    const one = await opened();
    one.terminal.end(3);
    assert.deepEqual(await one.closed, [1000, "exit status 3"]);
    const two = open(shellPath());
    await waitUntil("another is open", () => memory.agents.only.terminals.length === 2);
    two.socket.terminate();
    await waitUntil("it is closed", () => memory.agents.only.terminals[1]?.closed === true);
  });

  it("closes with the reason when the VM goes, and where no terminal is left", async () => {
    const { closed } = await opened();
    memory.agents.only.full = true;
    const refused = open(shellPath());
    assert.deepEqual(await refused.closed, [1013, "It has no terminal left"]);
    await memory.app.inject({ method: "DELETE", url: `/v1/vms/${vm.id}` });
    assert.deepEqual(await closed, [1001, `VM "${vm.name}" has gone`]);
  });

  it("refuses other origins, and a call without a handshake", async () => {
    const { status } = await refusalOf(shellPath(), { origin: "http://evil.example" });
    assert.equal(status, 403);
    assert.equal((await memory.app.inject(shellPath())).statusCode, 426);
  });
});
