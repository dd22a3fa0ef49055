import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { describe, it } from "node:test";
import { encode, TRUNCATED_RESPONSE } from "dns-packet";
import { passTime, waitUntil } from "../../../test/support/wait-until.ts";
import { a, replyTo, StandInNameServer } from "../../../test/support/stand-in-name-server.ts";
import { Upstream } from "./upstream.ts";

const question = { name: "api.example.com", type: "A" };
const good = { answers: [a(question.name, "192.0.2.1")] };
const never = new AbortController().signal;

async function addressFrom(upstream: Upstream, signal = never): Promise<unknown> {
  return (await upstream.ask(question, signal)).answers[0]?.data;
}

/** Sockets that this process has open. */
function openSockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => /^(UDP|TCP|Timeout)/.test(kind)).length;
}

describe("Upstream", () => {
  it("resolves to the reply of the first server", async () => {
    await using first = await StandInNameServer.open(() => good);
    await using second = await StandInNameServer.open(() => good);
    assert.equal(await addressFrom(new Upstream([first.server, second.server])), "192.0.2.1");
    assert.equal(second.asked.length, 0);
    assert.equal(first.asked[0]?.packet.additionals?.[0]?.type, "OPT");
  });

  it("asks from another port and with another number each time", async () => {
    await using server = await StandInNameServer.open(() => good);
    const upstream = new Upstream([server.server]);
    for (let count = 0; count < 8; count += 1) await addressFrom(upstream);
    const ids = new Set(server.asked.map(({ packet }) => packet.id));
    const ports = new Set(server.asked.map(({ port }) => port));
    assert.ok(ids.size >= 7, `${ids.size} numbers`);
    assert.ok(ports.size >= 7, `${ports.size} ports`);
  });

  it("asks the second server when the first is silent for a second", async () => {
    await using silent = await StandInNameServer.open(() => null);
    await using second = await StandInNameServer.open(() => good);
    const startMs = performance.now();
    assert.equal(await addressFrom(new Upstream([silent.server, second.server])), "192.0.2.1");
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs > 950 && tookMs < 2_000, `took ${tookMs} ms`);
  });

  it("asks the second server at once when nobody listens at the first, or it fails", async () => {
    await using failing = await StandInNameServer.open(() => ({ flags: 2 }));
    await using third = await StandInNameServer.open(() => good);
    const startMs = performance.now();
    const upstream = new Upstream([
      { address: "127.0.0.1", port: 1 },
      failing.server,
      third.server,
    ]);
    assert.equal(await addressFrom(upstream), "192.0.2.1");
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs < 800, `took ${tookMs} ms`);
  });

  it("asks without EDNS in the second round", async () => {
    const formErr = 1;
    await using old = await StandInNameServer.open(({ packet }) =>
      packet.additionals?.length === 0 ? good : { flags: formErr },
    );
    assert.equal(await addressFrom(new Upstream([old.server])), "192.0.2.1");
    assert.equal(old.asked.length, 2);
  });

  it("gives up after two rounds, and says why", async () => {
    await using silent = await StandInNameServer.open(() => null);
    await using failing = await StandInNameServer.open(() => ({ flags: 2 }));
    const limits = { tryMs: 50, totalMs: 5_000 };
    const upstream = new Upstream([silent.server, failing.server], limits);
    await assert.rejects(upstream.ask(question, never), (error: AggregateError) => {
      const why = error.errors.map(({ message }: Error) => message);
      assert.deepEqual(why, [
        "No answer within 50 ms",
        "127.0.0.1 answered with code 2",
        "No answer within 50 ms",
        "127.0.0.1 answered with code 2",
      ]);
      return true;
    });
  });

  it("gives up when all tries together take too long", async () => {
    await using silent = await StandInNameServer.open(() => null);
    const upstream = new Upstream([silent.server], { tryMs: 1_000, totalMs: 100 });
    await assert.rejects(upstream.ask(question, never), /No answer within 100 ms/);
    assert.equal(silent.asked.length, 1);
  });

  it("waits for the true reply while others come, of another number, question or server", async () => {
    const evil = { answers: [a(question.name, "192.0.2.66")] };
    const forger = createSocket("udp4").bind(0, "127.0.0.1");
    await using server = await StandInNameServer.open(async ({ packet, port }) => {
      forger.send(replyTo(packet, evil), port, "127.0.0.1");
      await passTime(50);
      return [
        replyTo({ ...packet, id: ((packet.id ?? 0) + 1) & 0xffff }, evil),
        replyTo({ ...packet, questions: [{ type: "A", name: "example.com" }] }, evil),
        encode({ ...packet }),
        Buffer.from("noise"),
        replyTo(packet, evil).subarray(0, 45),
        replyTo(packet, good),
      ];
    });
    forger.on("error", () => undefined);
    assert.equal(await addressFrom(new Upstream([server.server])), "192.0.2.1");
    forger.close();
  });

  it("asks by TCP for what was cut, and does not take a cut answer there", async () => {
    const cut = { flags: TRUNCATED_RESPONSE };
    await using server = await StandInNameServer.open(({ transport }) =>
      transport === "udp" ? cut : good,
    );
    assert.equal(await addressFrom(new Upstream([server.server])), "192.0.2.1");
    assert.deepEqual(
      server.asked.map(({ transport }) => transport),
      ["udp", "tcp"],
    );
    await using always = await StandInNameServer.open(() => cut);
    await assert.rejects(addressFrom(new Upstream([always.server])), AggregateError);
  });

  it("says that there is no such name", async () => {
    await using server = await StandInNameServer.open(() => ({ flags: 3 }));
    const reply = await new Upstream([server.server]).ask(question, never);
    assert.equal(reply.rcode, 3);
  });

  it("leaves no socket open when it is told to stop, by UDP and by TCP", async () => {
    await using server = await StandInNameServer.open(({ transport }) =>
      transport === "udp" ? { flags: TRUNCATED_RESPONSE } : null,
    );
    await using silent = await StandInNameServer.open(() => null);
    const before = openSockets();
    const stop = new AbortController();
    const asking = [server, silent].map(({ server: one }) =>
      new Upstream([one]).ask(question, stop.signal),
    );
    await waitUntil("both were asked", () => server.asked.length + silent.asked.length === 3);
    stop.abort(new Error("enough"));
    for (const one of asking) await assert.rejects(one, /enough/);
    await waitUntil("all is closed", () => openSockets() <= before);
    await assert.rejects(new Upstream([silent.server]).ask(question, stop.signal), /enough/);
  });
});
