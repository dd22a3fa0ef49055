import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, it } from "node:test";
import type { DecodedPacket } from "dns-packet";
import { askByTcp, askByUdp, gist, query } from "../../../test/support/name-client.ts";
import {
  anyAddress,
  Client,
  openSetup,
  otherVm,
  quiet,
  vm,
} from "../../../test/support/name-server-setup.ts";
import { a, StandInNameServer } from "../../../test/support/stand-in-name-server.ts";
import { passTime, waitUntil } from "../../../test/support/wait-until.ts";
import { NameServer } from "./name-server.ts";

describe("NameServer: what guests do to it", () => {
  it("goes on after whatever is sent to it", async () => {
    await using setup = await openSetup(anyAddress, { [vm]: new Client("internet") });
    const good = query("api.example.com");
    const noise = Array.from({ length: 300 }, (_, n) => {
      const bytes = Buffer.from(good);
      bytes[n % bytes.length] = (n * 37) % 256;
      return n % 3 === 0 ? bytes.subarray(0, n % bytes.length) : bytes;
    });
    await Promise.all(noise.map((bytes) => askByUdp(setup.route, bytes, 50)));
    await Promise.all(noise.map((bytes) => askByTcp(setup.route, [bytes]).catch(() => [])));
    await waitUntil("it answers", async () => {
      return gist(await askByUdp(setup.route, good, 100)) === "NOERROR 192.0.2.1";
    });
  });

  it("reads no query that is longer than one can be, or has more in it than a question", async () => {
    await using setup = await openSetup(anyAddress, { [vm]: new Client("internet") });
    const long = Buffer.concat([query("api.example.com"), Buffer.alloc(600)]);
    const full = query("api.example.com", "A", {
      answers: [a("api.example.com", "192.0.2.1")],
    });
    const [toLong] = await askByTcp(setup.route, [long]);
    const [toFull] = await askByTcp(setup.route, [full]);
    assert.deepEqual([gist(toLong), gist(toFull)], ["FORMERR", "FORMERR"]);
    assert.deepEqual(setup.upstream.asked, []);
  });

  it("looks up 64 names for a VM at once, and no fewer for another meanwhile", async () => {
    const replying = Promise.withResolvers<void>();
    const clients = { [vm]: new Client("internet"), [otherVm]: new Client("internet") };
    await using setup = await openSetup(async (asked) => {
      if (asked.name.startsWith("n")) await replying.promise;
      return anyAddress(asked);
    }, clients);
    const queries = Array.from({ length: 100 }, (_, n) => query(`n${n}.example.com`));
    const answering = askByTcp(setup.route, queries);
    await waitUntil("they are asked", () => setup.upstream.asked.length >= 64);
    assert.equal(await askByUdp(setup.route, query("more.example.com"), 100), null);
    const other = await askByUdp(setup.otherRoute, query("more.example.com"));
    assert.equal(gist(other), "NOERROR 192.0.2.1");
    assert.equal(setup.upstream.asked.length, 65);
    replying.resolve();
    const gists = (await answering).map(gist);
    assert.equal(gists.filter((one) => one === "SERVFAIL").length, 36);
    assert.equal(gists.filter((one) => one === "NOERROR 192.0.2.1").length, 64);
    assert.equal(gist(await askByUdp(setup.route, query("more.example.com"))), "NOERROR 192.0.2.1");
  });

  it("keeps 16 connections for a VM, and takes new ones when they end", async () => {
    await using setup = await openSetup(anyAddress, { [vm]: new Client("internet") });
    const { port } = setup.server;
    const sockets = Array.from({ length: 20 }, () => connect({ host: "127.0.0.1", port }));
    for (const socket of sockets) socket.on("error", () => undefined);
    const open16 = () => sockets.filter(({ closed }) => !closed).length === 16;
    await waitUntil("four were closed", open16);
    await passTime(50);
    assert.ok(open16());
    for (const socket of sockets) socket.destroy();
    await waitUntil("there is room again", async () => {
      const [answer] = await askByTcp(setup.route, [query("api.example.com")]).catch(() => []);
      return gist(answer) === "NOERROR 192.0.2.1";
    });
  });

  it("reads no more than 200 queries of a VM in a second", async () => {
    const clients = { [vm]: new Client("api.example.com"), [otherVm]: new Client("internet") };
    await using setup = await openSetup(anyAddress, clients);
    const queries = Array<Buffer>(5_000).fill(query("no.example.com"));
    await askByTcp(setup.route, queries).catch(() => []);
    // A second may end meanwhile, and another one begin.
    const read = clients[vm].refusedNames.length;
    assert.ok(read >= 200 && read <= 400, `${read} read`);
    const other = await askByUdp(setup.otherRoute, query("api.example.com"));
    assert.equal(gist(other), "NOERROR 192.0.2.1");
    await waitUntil("the second is over", async () => {
      const answer = await askByUdp(setup.route, query("api.example.com"), 100);
      return gist(answer) === "NOERROR 192.0.2.1";
    });
  });
});

/** Sockets that this process has open. */
function openSockets(): string[] {
  return process.getActiveResourcesInfo().filter((kind) => /^(UDP|TCP)/.test(kind));
}

describe("NameServer: its end", () => {
  it("closes with queries under way, by UDP and by TCP, and leaves nothing open", async () => {
    const client = new Client("internet");
    client.gate = () => new Promise(() => undefined);
    const upstream = await StandInNameServer.open((asked) =>
      asked.name.startsWith("silent") ? null : anyAddress(asked),
    );
    const server = await NameServer.open({
      address: "127.0.0.1",
      upstreams: [upstream.server],
      clientOf: () => client,
      log: quiet,
    });
    const route = { port: server.port };
    const asking: Promise<DecodedPacket | DecodedPacket[] | null>[] = [
      askByUdp(route, query("silent1.example.com"), 200),
      askByUdp(route, query("admitting.example.com"), 200),
      askByTcp(route, [query("silent2.example.com")]).catch(() => []),
    ];
    await waitUntil("they are under way", () => upstream.asked.length === 3);
    await waitUntil("one is to be admitted", () => client.admitted.length === 1);
    const startMs = performance.now();
    await Promise.all([server.close(), server[Symbol.asyncDispose]()]);
    assert.ok(performance.now() - startMs < 500);
    assert.deepEqual(await Promise.all(asking), [null, null, []]);
    await upstream[Symbol.asyncDispose]();
    await waitUntil("all sockets are closed", () => openSockets().length === 0);
  });
});
