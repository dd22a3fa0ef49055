import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { TRUNCATED_RESPONSE, type Answer } from "dns-packet";
import { askByTcp, askByUdp, gist, query } from "../../../test/support/name-client.ts";
import {
  anyAddress,
  Client,
  openSetup,
  opt,
  otherVm,
  quiet,
  vm,
} from "../../../test/support/name-server-setup.ts";
import { a, type Script } from "../../../test/support/stand-in-name-server.ts";
import { passTime } from "../../../test/support/wait-until.ts";
import { NameServer } from "./name-server.ts";

const twenty: Script = ({ name }) => ({
  answers: Array.from({ length: 20 }, (_, n) => a(name, `192.0.2.${n}`)),
});

const many: Script = ({ name, transport }) =>
  transport === "udp"
    ? { flags: TRUNCATED_RESPONSE }
    : { answers: Array.from({ length: 60 }, (_, n) => a(name, `192.0.2.${n}`)) };

describe("NameServer: large answers, and TCP", () => {
  it("gets by TCP what does not fit, and tells its client to do so", async () => {
    const client = new Client("internet");
    await using setup = await openSetup(many, { [vm]: client });
    const short = await askByUdp(setup.route, query("api.example.com"));
    assert.equal(short?.flag_tc, true);
    assert.equal(gist(short), "NOERROR");
    const [whole] = await askByTcp(setup.route, [query("api.example.com")]);
    // No more than are opened.
    assert.equal(whole?.answers?.length, 32);
    assert.equal(whole?.flag_tc, false);
    assert.match(client.admitted[0] ?? "", /192\.0\.2\.31\/\d+$/);
  });

  it("sends by UDP as much as the client says that it takes", async () => {
    await using setup = await openSetup(twenty, { [vm]: new Client("internet") });
    const ask = (additionals: Answer[]) =>
      askByUdp(setup.route, query("api.example.com", "A", { additionals }));
    assert.equal((await ask([]))?.flag_tc, true);
    assert.equal((await ask([opt(600)]))?.flag_tc, true);
    assert.equal((await ask([opt(1_232)]))?.answers?.length, 20);
  });

  it("answers several queries in a connection, each as soon as it can", async () => {
    const slow = Promise.withResolvers<void>();
    await using setup = await openSetup(
      async ({ name }) => {
        if (name.startsWith("slow")) await slow.promise;
        else setTimeout(slow.resolve, 50);
        return { answers: [a(name, name.startsWith("slow") ? "192.0.2.1" : "192.0.2.2")] };
      },
      { [vm]: new Client("*.example.com") },
    );
    const names = ["slow.example.com", "fast.example.com", "no.example.org"];
    const answers = await askByTcp(
      setup.route,
      names.map((name) => query(name)),
    );
    assert.deepEqual(answers.map(gist), ["NXDOMAIN", "NOERROR 192.0.2.2", "NOERROR 192.0.2.1"]);
  });

  it("takes a query that comes byte by byte, and breaks off what is none", async () => {
    await using setup = await openSetup(anyAddress, { [vm]: new Client("internet") });
    const message = query("api.example.com");
    const socket = connect({ host: "127.0.0.1", port: setup.server.port, noDelay: true });
    for (const byte of [0, message.length, ...message]) {
      socket.write(Buffer.of(byte));
      await passTime(1);
    }
    const [answer] = (await once(socket, "data")) as [Buffer];
    assert.equal(answer.readUInt16BE(0), answer.length - 2);
    socket.write(Buffer.of(255, 255));
    await once(socket, "close");
    const [next] = await askByTcp(setup.route, [message]);
    assert.equal(gist(next), "NOERROR 192.0.2.1");
  });

  it("takes another port where one is taken by TCP, and says so where it was named", async () => {
    await using setup = await openSetup(anyAddress, { [vm]: new Client("internet") });
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const options = { address: "127.0.0.1", upstreams: [], clientOf: () => undefined, log: quiet };
    await assert.rejects(NameServer.open({ ...options, port }), { code: "EADDRINUSE" });
    await assert.rejects(NameServer.open({ ...options, port: setup.server.port }), {
      code: "EADDRINUSE",
    });
    taken.close();
    await once(taken, "close");
    await using _ = await NameServer.open({ ...options, port });
  });
});

const script: Script = ({ name, type, transport }) => {
  if (type === "TXT") return { answers: [{ type, name, ttl: 9, data: ["hello ", "world"] }] };
  if (transport === "udp" && name.startsWith("many")) return { flags: TRUNCATED_RESPONSE };
  const count = name.startsWith("many") ? 100 : 1;
  return { answers: Array.from({ length: count }, (_, n) => a(name, `192.0.2.${n + 1}`)) };
};

describe("NameServer: clients of others", () => {
  it("is understood by Node's resolver", async () => {
    const client = new Client("*.example.com");
    await using setup = await openSetup(script, { [otherVm]: client });
    const resolver = new Resolver({ timeout: 2_000, tries: 1 });
    resolver.setServers([`127.0.0.1:${setup.server.port}`]);
    resolver.setLocalAddress(otherVm);
    assert.deepEqual(await resolver.resolve4("api.example.com", { ttl: true }), [
      { address: "192.0.2.1", ttl: 60 },
    ]);
    assert.deepEqual(await resolver.resolveTxt("api.example.com"), [["hello ", "world"]]);
    assert.equal((await resolver.resolve4("many.example.com")).length, 32);
    await assert.rejects(resolver.resolve4("api.example.org"), { code: "ENOTFOUND" });
    await assert.rejects(resolver.resolve6("api.example.com"), { code: "ENODATA" });
    const names = new Set(client.admitted.map((entry) => entry.split(" ")[0]));
    assert.deepEqual([...names], ["api.example.com", "many.example.com"]);
  });

  it("is understood by dig", async (test) => {
    const run = promisify(execFile);
    const dig = async (...args: string[]) => (await run("dig", args)).stdout;
    const isThere = await dig("-v").then(
      () => true,
      () => false,
    );
    if (!isThere) return test.skip("dig is not installed");
    await using setup = await openSetup(script, { [vm]: new Client("*.example.com") });
    const at = ["@127.0.0.1", "-p", String(setup.server.port)];
    assert.equal(await dig(...at, "+short", "api.example.com"), "192.0.2.1\n");
    const found = await dig(...at, "+short", "many.example.com");
    assert.equal(found.trim().split("\n").length, 32);
    assert.match(await dig(...at, "api.example.org"), /NXDOMAIN[^]*EDE: 18 \(Prohibited\)/);
    return undefined;
  });
});
