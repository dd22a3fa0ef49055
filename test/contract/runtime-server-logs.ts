import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { it } from "node:test";

import type { SuiteContext } from "./runtime-server.ts";

const logLimit = 256 * 1024;
const cutMark = "[firelet] logs cut at 262144 bytes";

/** Bytes of lines, each with the newline that ended it. */
function sizeOf(logs: string[]): number {
  return logs.reduce((size, line) => size + Buffer.byteLength(line) + 1, 0);
}

/** Whose a line is, in what order, how many, and where late ones go. */
export function logCases(suite: SuiteContext): void {
  capture(suite);
  cutting(suite);
  lateOutput(suite);
}

function capture(suite: SuiteContext): void {
  const { programs } = suite.cases;

  it("takes every way of writing, in order, and a last line without an end", async () => {
    await suite.guest.deploy(programs.streams);
    const expected = ["one", "two", "three", "four", "five"];
    assert.deepEqual((await suite.guest.invoke()).logs, expected);
    assert.deepEqual((await suite.guest.invoke()).logs, expected);
  });

  it("puts characters together that arrive byte by byte", async () => {
    await suite.guest.deploy(programs.unicode);
    assert.deepEqual((await suite.guest.invoke()).logs, ["grüße 🌍"]);
  });

  it("keeps empty lines", async () => {
    await suite.guest.deploy(programs.emptyLines);
    assert.deepEqual((await suite.guest.invoke()).logs, ["a", "", "b"]);
  });

  it("takes what a thread prints that the invocation started", async () => {
    await suite.guest.deploy(programs.threadLog);
    const replies = await Promise.all([suite.guest.invoke(), suite.guest.invoke()]);
    for (const { logs } of replies) assert.deepEqual(logs, ["from a thread"]);
  });

  it("leaves nothing of an invocation's lines on the console", async () => {
    await suite.guest.deploy(programs.logOwnId);
    const requestId = randomUUID();
    await suite.guest.invoke({ times: 3 }, { requestId });
    assert.doesNotMatch(await suite.guest.server.readConsole(), new RegExp(requestId));
  });
}

function cutting(suite: SuiteContext): void {
  const { programs } = suite.cases;

  it("keeps 256 KiB of logs to the byte", async () => {
    await suite.guest.deploy(programs.flood);
    const { logs } = await suite.guest.invoke({ lines: logLimit / 64 });
    assert.deepEqual(
      logs,
      Array.from({ length: logLimit / 64 }, () => "x".repeat(63)),
    );
  });

  it("cuts a megabyte of lines with a mark", async () => {
    await suite.guest.deploy(programs.flood);
    const { logs, response } = await suite.guest.invoke({ lines: 16_384 });
    assert.equal(response, "flooded");
    assert.equal(logs.at(-1), cutMark);
    const kept = logs.slice(0, -1);
    assert.ok(kept.slice(0, -1).every((line: string) => line === "x".repeat(63)));
    assert.match(kept.at(-1), /^x+$/);
    assert.ok(sizeOf(kept) <= logLimit && sizeOf(kept) > logLimit - 128, `${sizeOf(kept)}`);
    assert.deepEqual((await suite.guest.invoke({ lines: 1 })).logs, ["x".repeat(63)]);
  });

  it("cuts one line that is too long", async () => {
    await suite.guest.deploy(programs.hugeLine);
    const { logs } = await suite.guest.invoke({ bytes: 1024 * 1024 });
    assert.equal(logs.length, 2);
    assert.match(logs[0], /^y+$/);
    assert.ok(sizeOf([logs[0]]) <= logLimit && logs[0].length > logLimit - 128);
    assert.equal(logs[1], cutMark);
  });
}

function lateOutput(suite: SuiteContext): void {
  const { programs } = suite.cases;
  it("sends what comes after the reply to the console, not to the next invocation", async () => {
    await suite.guest.deploy(programs.late);
    const [requestId, id] = [randomUUID(), randomUUID()];
    const reply = await suite.guest.invoke({ id }, { requestId });
    assert.equal(reply.response, "early");
    assert.deepEqual(reply.logs, []);
    await suite.guest.deploy(programs.sleep);
    const next = await suite.guest.invoke({ ms: 150 * suite.slowFactor });
    assert.deepEqual(next.logs, []);
    await suite.guest.untilOnConsole(`[${requestId}] late ${id}\n`);
  });

  it("does the same after a timeout", async () => {
    await suite.guest.deploy(programs.afterTimeout);
    const [requestId, id] = [randomUUID(), randomUUID()];
    const limit = 100 * suite.slowFactor;
    const event = { ms: 3 * limit, id };
    const reply = await suite.guest.invoke(event, { requestId, timeoutMs: limit });
    assert.equal(reply.status, "timeout");
    await suite.guest.untilOnConsole(`[${requestId}] overdue ${id}\n`);
    assert.deepEqual((await suite.guest.invoke({ ms: 1, id: "next" })).logs, ["overdue next"]);
  });

  it("sends a failure after the reply to the console, and goes on", async () => {
    await suite.guest.deploy(programs.lateFailure);
    const [requestId, id] = [randomUUID(), randomUUID()];
    assert.equal(await suite.guest.ask({ id }, { requestId }), "early");
    await suite.guest.untilOnConsole(`late ${id}`);
    const line = (await suite.guest.server.readConsole())
      .split("\n")
      .find((text) => text.includes(`late ${id}`));
    assert.ok(line?.startsWith(`[${requestId}] `), line);
    assert.equal(await suite.guest.ask({ id: "next" }), "early");
  });
}
