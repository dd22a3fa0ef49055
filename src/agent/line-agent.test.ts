import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { FakeLine, u32 } from "../../test/support/fake-line.ts";
import { settle } from "../../test/support/manual-clock.ts";
import { PlatformError } from "../core/errors.ts";
import type { TerminalOptions } from "../ports/guest-agent.ts";
import { encodeFrame, frameKinds as kinds } from "./frames.ts";
import { lineAgentClient } from "./line-agent.ts";

const figures = `== /proc/stat
cpu  1 0 0 9 0 0 0 0
== /proc/meminfo
MemTotal: 4 kB
MemAvailable: 1 kB
`;
const windowBytes = 65_536;
const forEver = new AbortController().signal;

function connect() {
  const line = new FakeLine();
  const agent = lineAgentClient.connect(line);
  const printed: string[] = [];
  const open = (options: Partial<TerminalOptions> = {}) =>
    agent.openTerminal({
      columns: 80,
      rows: 24,
      password: "secret",
      welcome: true,
      onOutput: async (bytes) => void printed.push(Buffer.from(bytes).toString()),
      ...options,
    });
  return { line, agent, printed, open };
}

/** Whether it has resolved, without waiting for it. */
async function isDone(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  void promise.then(() => (done = true));
  await settle();
  return done;
}

describe("the figures of a guest", () => {
  it("asks once for all who want them at once, and again for who comes later", async () => {
    const { line, agent } = connect();
    const [one, other] = [agent.measure(forEver), agent.measure(forEver)];
    assert.equal(line.payloads(kinds.measure, 0).length, 1);
    line.say(kinds.figures, 0, figures);
    assert.deepEqual((await one).cpu, { busyMs: 10, totalMs: 100 });
    assert.equal(await one, await other);
    const third = agent.measure(forEver);
    assert.equal(line.payloads(kinds.measure, 0).length, 2);
    line.say(kinds.figures, 0, figures.replace("cpu  1", "cpu  2"));
    assert.equal((await third).cpu.busyMs, 20);
  });

  it("gives up who waits too long, and that one alone", async () => {
    const { line, agent } = connect();
    const hurry = new AbortController();
    const [one, other] = [agent.measure(hurry.signal), agent.measure(forEver)];
    hurry.abort(new Error("enough"));
    await assert.rejects(one, { code: "vm_lost", message: "The guest's agent does not answer" });
    line.say(kinds.figures, 0, figures);
    assert.equal((await other).cpu.busyMs, 10);
    await assert.rejects(agent.measure(AbortSignal.abort()), { code: "vm_lost" });
    assert.equal(line.payloads(kinds.measure, 0).length, 1);
    assert.equal(line.closed, false);
  });

  it("takes an answer that comes when nobody waits any more", async () => {
    const { line, agent } = connect();
    const hurry = new AbortController();
    const asked = agent.measure(hurry.signal);
    hurry.abort();
    await assert.rejects(asked);
    line.say(kinds.figures, 0, figures);
    assert.equal(line.closed, false);
  });
});

describe("a terminal in a guest", () => {
  it("is opened with its size, its welcome and its password", () => {
    const { line, open } = connect();
    open({ columns: 132, rows: 50, welcome: false });
    const [opening] = line.payloads(kinds.open, 1);
    assert.equal(opening?.length, 72);
    assert.deepEqual([opening.readUInt16LE(0), opening.readUInt16LE(2)], [132, 50]);
    assert.equal(opening.readUInt32LE(4), 0);
    assert.equal(opening.subarray(8).toString(), "secret".padEnd(64, "\0"));
    open();
    assert.equal(line.payloads(kinds.open, 2)[0]?.readUInt32LE(4), 1);
    assert.throws(() => open({ password: "ä".repeat(32) }), RangeError);
  });

  it("prints in order, and gives credit for what was taken only", async () => {
    const { line, open } = connect();
    const taken: (() => void)[] = [];
    const printed: string[] = [];
    open({
      onOutput: (bytes) => {
        printed.push(Buffer.from(bytes).toString());
        return new Promise((resolve) => taken.push(resolve));
      },
    });
    for (const word of ["one", "two", "three"]) line.say(kinds.output, 1, word);
    await settle();
    assert.deepEqual(printed, ["one"]);
    assert.deepEqual(line.payloads(kinds.credit, 1), []);
    taken.shift()?.();
    await settle();
    assert.deepEqual(printed, ["one", "twothree"]);
    assert.deepEqual(line.payloads(kinds.credit, 1), [u32(3)]);
    taken.shift()?.();
    await settle();
    assert.deepEqual(line.payloads(kinds.credit, 1), [u32(3), u32(8)]);
  });

  it("prints what came before its end, and ends after it", async () => {
    const { line, printed, open } = connect();
    const terminal = open();
    line.sayBytes(
      Buffer.concat([
        encodeFrame(kinds.output, 1, Buffer.from("last words")),
        encodeFrame(kinds.ended, 1, u32(3)),
      ]),
    );
    assert.equal(await terminal.ended, 3);
    assert.deepEqual(printed, ["last words"]);
  });

  it("ends only once what it printed was taken, by somebody slow", async () => {
    const { line, open } = connect();
    const { promise, resolve } = Promise.withResolvers<void>();
    const terminal = open({ onOutput: () => promise });
    line.say(kinds.output, 1, "x");
    line.say(kinds.ended, 1, u32(0));
    assert.equal(await isDone(terminal.ended), false);
    resolve();
    assert.equal(await terminal.ended, 0);
  });

  it("sends no more than the guest has room for, and the rest as it reads", async () => {
    const { line, open } = connect();
    const terminal = open();
    const bytes = Buffer.alloc(100_000, "0123456789");
    const written = terminal.write(bytes);
    const after = terminal.write(Buffer.from("end"));
    const sent = () => Buffer.concat(line.payloads(kinds.input, 1));
    assert.equal(sent().length, windowBytes);
    assert.ok(line.payloads(kinds.input, 1).every(({ length }) => length <= 16_384));
    assert.equal(await isDone(written), false);
    line.say(kinds.credit, 1, u32(40_000));
    await written;
    await after;
    assert.deepEqual(sent(), Buffer.concat([bytes, Buffer.from("end")]));
  });

  it("forgets what was typed when it ends, and lets its writers go", async () => {
    const { line, open } = connect();
    const terminal = open();
    const written = terminal.write(Buffer.alloc(100_000));
    line.say(kinds.ended, 1, u32(0));
    await written;
    await terminal.write(Buffer.from("to nobody"));
    assert.equal(Buffer.concat(line.payloads(kinds.input, 1)).length, windowBytes);
  });

  it("passes on sizes, and of those that wait the newest only", async () => {
    const { line, open } = connect();
    const terminal = open();
    const { promise, resolve } = Promise.withResolvers<void>();
    line.room = promise;
    for (const columns of [81, 82, 83]) terminal.resize({ columns, rows: 24 });
    await settle();
    assert.equal(line.payloads(kinds.resize, 1).length, 1);
    resolve();
    await settle();
    const columns = line.payloads(kinds.resize, 1).map((payload) => payload.readUInt16LE(0));
    assert.deepEqual(columns, [81, 83]);
  });

  it("hangs up once, drops what still comes, and ends when the guest says so", async () => {
    const { line, printed, open } = connect();
    const terminal = open();
    terminal.close();
    terminal.close();
    terminal.resize({ columns: 1, rows: 1 });
    await terminal.write(Buffer.from("x"));
    assert.deepEqual(
      line.sent.map(({ kind }) => kind),
      [kinds.open, kinds.close],
    );
    line.say(kinds.output, 1, "late");
    assert.equal(await isDone(terminal.ended), false);
    line.say(kinds.ended, 1, u32(129));
    assert.equal(await terminal.ended, 129);
    assert.deepEqual(printed, []);
    assert.equal(line.closed, false);
  });

  it("takes credit for what was typed before it hung up", () => {
    const { line, open } = connect();
    const terminal = open();
    void terminal.write(Buffer.from("abc"));
    terminal.close();
    line.say(kinds.credit, 1, u32(3));
    assert.equal(line.closed, false);
  });

  it("is one of eight, and its number is free when the guest says that it has ended", async () => {
    const { line, open } = connect();
    const terminals = Array.from({ length: 8 }, () => open());
    assert.throws(() => open(), { code: "too_many_shells", message: /all 8 of this guest/ });
    terminals[4]?.close();
    assert.throws(() => open(), { code: "too_many_shells" });
    line.say(kinds.ended, 5, u32(0));
    open();
    assert.equal(line.payloads(kinds.open, 5).length, 2);
  });

  it("goes on beside one whose output nobody takes", async () => {
    const { line, agent, printed, open } = connect();
    open({ onOutput: () => new Promise(() => undefined) });
    open();
    for (let sent = 0; sent < windowBytes; sent += 16_384) {
      line.say(kinds.output, 1, Buffer.alloc(16_384));
    }
    line.say(kinds.output, 2, "heard");
    const asked = agent.measure(forEver);
    line.say(kinds.figures, 0, figures);
    await asked;
    assert.deepEqual(printed, ["heard"]);
    assert.deepEqual(line.payloads(kinds.credit, 1), []);
  });
});

describe("a guest that lies", () => {
  const lies: Readonly<Record<string, (line: FakeLine) => void>> = {
    "a frame of an unknown kind": (line) => line.say(99, 1),
    "a frame that only the host sends": (line) => line.say(kinds.input, 1, "x"),
    "a frame that is too long": (line) => line.sayBytes(Buffer.alloc(8, 0xff)),
    "output of a terminal that nobody opened": (line) => line.say(kinds.output, 2, "x"),
    "the end of a terminal that nobody opened": (line) => line.say(kinds.ended, 2, u32(0)),
    "the end of a terminal twice": (line) => {
      line.say(kinds.ended, 1, u32(0));
      line.say(kinds.ended, 1, u32(0));
    },
    "an end without a status": (line) => line.say(kinds.ended, 1, "no"),
    "output beyond its credit": (line) => {
      for (let i = 0; i < 4; i += 1) line.say(kinds.output, 1, Buffer.alloc(16_384));
      line.say(kinds.output, 1, "x");
    },
    "output of nothing": (line) => line.say(kinds.output, 1),
    "credit for what was never sent": (line) => line.say(kinds.credit, 1, u32(1)),
    "credit of nothing": (line) => line.say(kinds.credit, 1, u32(0)),
    "credit that is no number": (line) => line.say(kinds.credit, 1, "x"),
    "figures that make no sense": (line) => line.say(kinds.figures, 0, "cpu 12"),
    "figures twice": (line) => {
      line.say(kinds.figures, 0, figures);
      line.say(kinds.figures, 0, figures);
    },
  };
  for (const [name, lie] of Object.entries(lies)) {
    it(`is listened to no more after ${name}`, async () => {
      const { line, agent, open } = connect();
      const terminal = open({ onOutput: () => new Promise(() => undefined) });
      const asked = agent.measure(forEver).catch((error: unknown) => error);
      lie(line);
      assert.equal(line.closed, true);
      await assert.rejects(agent.measure(forEver), {
        code: "vm_lost",
        message: /^Cannot understand the guest's agent: found /,
      });
      assert.throws(() => open(), { code: "vm_lost" });
      // All who waited heard of it, but for those who were answered before the lie.
      const answer = await asked;
      if (name === "figures twice") assert.ok(!(answer instanceof Error));
      else assert.ok(answer instanceof PlatformError);
      if (name !== "the end of a terminal twice") assert.equal(await terminal.ended, null);
    });
  }

  it("may say anything at all: it throws nothing, and everything that waits ends", async () => {
    const word = fc.oneof(
      fc.uint8Array({ maxLength: 50 }),
      fc
        .tuple(fc.integer({ min: 0, max: 10 }), fc.integer({ min: 0, max: 3 }), fc.uint8Array())
        .map(([kind, terminal, payload]) => encodeFrame(kind, terminal, payload)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(word), async (words) => {
        const { line, agent, open } = connect();
        const terminals = [open(), open()];
        const asked = agent.measure(forEver).then(
          () => undefined,
          () => undefined,
        );
        for (const bytes of words) line.sayBytes(bytes);
        agent.close();
        await Promise.all([asked, ...terminals.map(({ ended }) => ended)]);
      }),
    );
  });
});

describe("a line that is over", () => {
  it("hangs up its terminals when it is closed, and fails all who wait", async () => {
    const { line, agent, open } = connect();
    const terminal = open();
    const written = terminal.write(Buffer.alloc(100_000));
    const asked = agent.measure(forEver);
    agent.close();
    agent.close();
    assert.equal(line.closed, true);
    assert.equal(line.payloads(kinds.close, 1).length, 1);
    assert.equal(await terminal.ended, null);
    await written;
    await assert.rejects(asked, { code: "vm_lost" });
    assert.throws(() => open(), { code: "vm_lost" });
  });

  it("ends where nothing can be sent any more, for the reason that was given", async () => {
    const { line, agent, open } = connect();
    const terminal = open();
    line.room = Promise.reject(new PlatformError("vm_lost", "Cannot reach VM x: EPIPE"));
    void terminal.write(Buffer.from("x"));
    assert.equal(await terminal.ended, null);
    const message = "Cannot reach VM x: EPIPE";
    await assert.rejects(agent.measure(forEver), { code: "vm_lost", message });
  });
});
