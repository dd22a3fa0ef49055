import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encode, type Answer } from "dns-packet";
import { askByTcp, askByUdp, gist, query } from "../../../test/support/name-client.ts";
import {
  anyAddress,
  Client,
  openSetup,
  opt,
  otherVm,
  soa,
  vm,
} from "../../../test/support/name-server-setup.ts";
import { a } from "../../../test/support/stand-in-name-server.ts";
import { passTime, waitUntil } from "../../../test/support/wait-until.ts";

describe("NameServer: what it answers", () => {
  it("tells the addresses of a name that is allowed, and has them admitted", async () => {
    const client = new Client("api.example.com");
    await using setup = await openSetup(
      ({ name }) => ({ answers: [a(name, "192.0.2.1", 60), a(name, "192.0.2.2", 61)] }),
      { [vm]: client },
    );
    const answer = await askByUdp(setup.route, query("API.Example.com"));
    assert.equal(gist(answer), "NOERROR 192.0.2.1 192.0.2.2");
    assert.deepEqual(client.admitted, ["api.example.com 192.0.2.1/60 192.0.2.2/61"]);
    assert.equal(answer?.id, 4_711);
    assert.equal(answer?.questions?.[0]?.name, "API.Example.com");
    assert.deepEqual([answer?.flag_ra, answer?.flag_rd, answer?.flag_aa], [true, true, false]);
    assert.deepEqual(answer?.additionals, [], "no EDNS for those who do not speak it");
  });

  it("refuses other names at once, says why, and asks nobody", async () => {
    const client = new Client("api.example.com");
    await using setup = await openSetup(anyAddress, { [vm]: client });
    const plain = await askByUdp(setup.route, query("Evil.example.com"));
    assert.equal(gist(plain), "NXDOMAIN");
    for (const type of ["AAAA", "TXT", "ANY", "PTR"]) {
      assert.equal(gist(await askByUdp(setup.route, query("example.com", type))), "NXDOMAIN");
    }
    assert.equal(gist(await askByUdp(setup.route, query(".", "NS"))), "NXDOMAIN");
    const names = ["evil.example.com", ...Array<string>(4).fill("example.com"), ""];
    assert.deepEqual(client.refusedNames, names);

    const edns = query("evil.example.com", "A", { additionals: [opt(1_232)] });
    const answer = await askByUdp(setup.route, edns);
    const [record] = answer?.additionals ?? [];
    assert.ok(record?.type === "OPT");
    const [option] = record.options as unknown as { code: number; data: Buffer }[];
    assert.equal(option?.code, 15);
    assert.equal(option?.data.readUInt16BE(0), 18);
    assert.equal(option?.data.toString("utf8", 2), "The egress policy does not allow it");
    assert.equal(setup.upstream.asked.length, 0);
    assert.deepEqual(client.admitted, []);
  });

  it("knows names below one, and that one not", async () => {
    const client = new Client("*.example.com");
    await using setup = await openSetup(anyAddress, { [vm]: client });
    assert.equal(gist(await askByUdp(setup.route, query("a.b.example.com"))), "NOERROR 192.0.2.1");
    assert.equal(gist(await askByUdp(setup.route, query("example.com"))), "NXDOMAIN");
    assert.deepEqual(client.admitted, ["a.b.example.com 192.0.2.1/60"]);
  });

  it("answers each VM by its own policy, and admits what is kept to each", async () => {
    const clients = { [vm]: new Client("internet"), [otherVm]: new Client("api.example.com") };
    await using setup = await openSetup(anyAddress, clients);
    for (const name of ["api.example.com", "www.example.com"]) {
      assert.equal(gist(await askByUdp(setup.route, query(name))), "NOERROR 192.0.2.1");
    }
    assert.equal(
      gist(await askByUdp(setup.otherRoute, query("api.example.com"))),
      "NOERROR 192.0.2.1",
    );
    assert.equal(gist(await askByUdp(setup.otherRoute, query("www.example.com"))), "NXDOMAIN");
    assert.equal(setup.upstream.asked.length, 2);
    assert.deepEqual(clients[otherVm]?.admitted, ["api.example.com 192.0.2.1/60"]);
  });

  it("answers nobody else", async () => {
    await using setup = await openSetup(anyAddress, { [vm]: new Client("internet") });
    assert.equal(await askByUdp(setup.otherRoute, query("api.example.com"), 100), null);
    const answers = await askByTcp(setup.otherRoute, [query("api.example.com")]).catch(() => []);
    assert.deepEqual(answers, []);
    assert.equal(setup.upstream.asked.length, 0);
  });

  it("says at once that an allowed name has no IPv6 address and no SVCB or HTTPS record", async () => {
    await using setup = await openSetup(anyAddress, { [vm]: new Client("api.example.com") });
    for (const type of ["AAAA", "UNKNOWN_64", "UNKNOWN_65"]) {
      assert.equal(gist(await askByUdp(setup.route, query("api.example.com", type))), "NOERROR");
    }
    for (const type of ["ANY", "AXFR"]) {
      assert.equal(gist(await askByUdp(setup.route, query("api.example.com", type))), "NOTIMP");
    }
    assert.equal(setup.upstream.asked.length, 0);
  });

  it("passes other records on as they are, without admitting anything", async () => {
    const client = new Client("example.com", "*.in-addr.arpa");
    const mx: Answer = {
      type: "MX",
      name: "example.com",
      ttl: 9,
      data: { preference: 10, exchange: "mx.example.com" },
    };
    const ns: Answer = { type: "NS", name: "example.com", ttl: 9, data: "ns.example.com" };
    await using setup = await openSetup(
      ({ type, name }) =>
        type === "PTR"
          ? { answers: [{ type, name, ttl: 9, data: "api.example.com" }] }
          : {
              answers: [mx],
              authorities: [ns],
              additionals: [a("mx.example.com", "192.0.2.3"), opt(4_096)],
            },
      { [vm]: client },
    );
    const answer = await askByUdp(setup.route, query("example.com", "MX"));
    assert.partialDeepStrictEqual(answer?.answers, [mx]);
    assert.partialDeepStrictEqual(answer?.authorities, [ns]);
    assert.deepEqual(
      answer?.additionals?.map(({ type }) => type),
      ["A"],
    );
    const pointer = await askByUdp(setup.route, query("1.2.0.192.in-addr.arpa", "PTR"));
    assert.equal(gist(pointer), "NOERROR api.example.com");
    assert.deepEqual(client.admitted, []);
  });

  it("passes on that there is no such name, or no such record, and keeps that", async () => {
    await using setup = await openSetup(
      ({ name }) => ({ flags: name.startsWith("no") ? 3 : 0, authorities: [soa] }),
      { [vm]: new Client("*.example.com") },
    );
    for (const [name, code] of [
      ["no.example.com", "NXDOMAIN"],
      ["empty.example.com", "NOERROR"],
    ] as const) {
      const first = await askByUdp(setup.route, query(name));
      assert.equal(gist(first), code);
      assert.equal(first?.authorities?.[0]?.type, "SOA");
      assert.equal(gist(await askByUdp(setup.route, query(name))), code);
    }
    assert.equal(setup.upstream.asked.length, 2);
  });

  it("says what is wrong with queries that it does not understand", async () => {
    await using setup = await openSetup(anyAddress, { [vm]: new Client("internet") });
    const questions = [1, 2].map((n) => ({ type: "A" as const, name: `n${n}.example.com` }));
    const two = encode({ id: 1, questions });
    const update = query("example.com", "A", { flags: 5 << 11 });
    const chaos = encode({
      id: 1,
      questions: [{ type: "TXT", name: "version.bind", class: "CH" }],
    });
    assert.equal(gist(await askByUdp(setup.route, two)), "FORMERR");
    assert.equal(gist(await askByUdp(setup.route, update)), "NOTIMP");
    const unlike = await askByUdp(setup.route, chaos);
    assert.equal(gist(unlike), "NOTIMP");
    assert.deepEqual(unlike?.questions, [], "none that was not asked");
    assert.equal(setup.upstream.asked.length, 0);
  });
});

describe("NameServer: addresses are admitted before they are told", () => {
  it("admits what an alias leads to under the name that was asked, and answers only then", async () => {
    const client = new Client("api.example.com");
    const opened = Promise.withResolvers<void>();
    client.gate = () => opened.promise;
    await using setup = await openSetup(
      ({ name }) => ({
        answers: [
          { type: "CNAME", name, ttl: 30, data: "cdn.example.net" },
          { type: "CNAME", name: "cdn.example.net", ttl: 20, data: "edge.example.org" },
          a("edge.example.org", "192.0.2.7", 10),
        ],
      }),
      { [vm]: client },
    );
    let told = false;
    const answering = askByUdp(setup.route, query("api.example.com")).finally(() => (told = true));
    await waitUntil("it is to be admitted", () => client.admitted.length === 1);
    await passTime(100);
    assert.equal(told, false);
    opened.resolve();
    assert.equal(gist(await answering), "NOERROR cdn.example.net edge.example.org 192.0.2.7");
    assert.deepEqual(client.admitted, ["api.example.com 192.0.2.7/10"]);
    // The alias' own name is no more allowed than before.
    assert.equal(gist(await askByUdp(setup.route, query("edge.example.org"))), "NXDOMAIN");
  });

  it("fails where they are not admitted, and tells others that are", async () => {
    const clients = { [vm]: new Client("internet"), [otherVm]: new Client("internet") };
    clients[vm].gate = () => Promise.reject(new Error("no more room"));
    await using setup = await openSetup(anyAddress, clients);
    const ask = query("api.example.com");
    assert.equal(gist(await askByUdp(setup.route, ask)), "SERVFAIL");
    assert.equal(gist(await askByUdp(setup.otherRoute, ask)), "NOERROR 192.0.2.1");
    assert.equal(gist(await askByUdp(setup.route, ask)), "SERVFAIL");
    assert.equal(clients[vm].admitted.length, 2);
    assert.equal(setup.upstream.asked.length, 1);
  });
});

describe("NameServer: what it keeps", () => {
  it("asks once for what several ask at the same time", async () => {
    const clients = { [vm]: new Client("internet"), [otherVm]: new Client("internet") };
    const replying = Promise.withResolvers<void>();
    await using setup = await openSetup(async ({ name }) => {
      await replying.promise;
      return { answers: [a(name, "192.0.2.1", 0)] };
    }, clients);
    const asking = Array.from({ length: 20 }, (_, n) =>
      askByUdp(n % 2 === 0 ? setup.route : setup.otherRoute, query("api.example.com")),
    );
    await waitUntil("it asks", () => setup.upstream.asked.length > 0);
    await passTime(50);
    replying.resolve();
    const gists = new Set((await Promise.all(asking)).map(gist));
    assert.deepEqual([...gists], ["NOERROR 192.0.2.1"]);
    assert.equal(setup.upstream.asked.length, 1);
    assert.deepEqual([clients[vm]?.admitted.length, clients[otherVm]?.admitted.length], [10, 10]);
  });

  it("counts down how long records hold, and asks again when they do not", async () => {
    const client = new Client("internet");
    await using setup = await openSetup(({ name }) => ({ answers: [a(name, "192.0.2.1", 2)] }), {
      [vm]: client,
    });
    const seen: unknown[] = [];
    await waitUntil("it asks a second time", async () => {
      const answer = await askByUdp(setup.route, query("api.example.com"));
      const [record] = answer?.answers ?? [];
      const ttl = record && "ttl" in record && record.ttl;
      if (seen.at(-1) !== ttl) seen.push(ttl);
      return setup.upstream.asked.length === 2;
    });
    assert.deepEqual(seen, [2, 1, 2]);
    assert.ok(client.admitted.includes("api.example.com 192.0.2.1/1"), "admitted again");
  });

  it("answers SERVFAIL when nobody answers, and asks again the next time", async () => {
    let fails = true;
    await using setup = await openSetup((asked) => (fails ? { flags: 2 } : anyAddress(asked)), {
      [vm]: new Client("internet"),
    });
    assert.equal(gist(await askByUdp(setup.route, query("api.example.com"))), "SERVFAIL");
    fails = false;
    assert.equal(gist(await askByUdp(setup.route, query("api.example.com"))), "NOERROR 192.0.2.1");
  });
});
