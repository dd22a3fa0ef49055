import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseLoadOutcome, parseReply } from "./guest-replies.ts";

const good = { status: "success", duration_ms: 1.5, response: { a: 1 }, logs: ["x"], revision: 3 };
const failed = { ...good, status: "error", error: "boom", error_type: "TypeError", stack: "at x" };

describe("parseReply", () => {
  it("reads a success", () => {
    assert.deepEqual(parseReply(200, JSON.stringify(good)), {
      status: "success",
      durationMs: 1.5,
      response: { a: 1 },
      logs: ["x"],
      failure: null,
      revision: 3,
      replace: false,
    });
  });

  it("reads a failure, and takes no response from it", () => {
    const reply = parseReply(200, JSON.stringify({ ...failed, replace: true }));
    assert.deepEqual(reply.failure, { message: "boom", type: "TypeError", stack: "at x" });
    assert.deepEqual([reply.response, reply.replace], [null, true]);
  });

  it("keeps numbers that JavaScript would change, in the response alone", () => {
    const body =
      '{"status":"success","duration_ms":1.0,"revision":1.0,"logs":[],"response":{"id":12345678901234567890,"x":1.0}}';
    const reply = parseReply(200, body);
    assert.equal(JSON.stringify(reply.response), '{"id":12345678901234567890,"x":1.0}');
    assert.deepEqual([reply.durationMs, reply.revision], [1, 1]);
  });

  it("keeps no more of logs and texts than a runtime server would send", () => {
    const large = "x".repeat(200 * 1024);
    const reply = parseReply(
      200,
      JSON.stringify({ ...failed, error: large, logs: [large, large] }),
    );
    assert.deepEqual(reply.logs, [large, "[firelet] logs cut at 262144 bytes"]);
    assert.equal(reply.failure?.message.length, 64 * 1024);
  });

  const lies: readonly [what: string, status: number, body: string][] = [
    ["another status code", 503, '{"error":"No code is loaded"}'],
    ["no JSON", 200, "<html>"],
    ["a list", 200, "[]"],
    ["null", 200, "null"],
    ["an unknown status", 200, JSON.stringify({ ...good, status: "fine" })],
    ["a duration that is text", 200, JSON.stringify({ ...good, duration_ms: "1" })],
    ["a negative duration", 200, JSON.stringify({ ...good, duration_ms: -1 })],
    ["logs that are no list", 200, JSON.stringify({ ...good, logs: "x" })],
    ["a log line that is no text", 200, JSON.stringify({ ...good, logs: [1] })],
    ["a failure without its message", 200, JSON.stringify({ ...failed, error: undefined })],
    ["no revision", 200, JSON.stringify({ ...good, revision: undefined })],
  ];
  for (const [what, status, body] of lies) {
    it(`refuses ${what} from a guest`, () => {
      assert.throws(() => parseReply(status, body), Error);
    });
  }
});

describe("parseLoadOutcome", () => {
  it("puts file, line and column behind the guest's message", () => {
    const error = { message: "SyntaxError: x", file: "handler.js", line: 2, column: 5 };
    assert.deepEqual(parseLoadOutcome(422, JSON.stringify({ error, logs: ["hi"] })), {
      loaded: false,
      message: "SyntaxError: x (handler.js:2:5)",
      logs: ["hi"],
    });
  });

  it("does without a place where the guest knows none", () => {
    const body = JSON.stringify({ error: { message: "No handler", file: null }, logs: [] });
    assert.equal(parseLoadOutcome(422, body).loaded, false);
  });

  it("refuses any other status", () => {
    assert.throws(() => parseLoadOutcome(401, '{"error":"no token"}'), /answered 401/);
  });
});
