import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it } from "node:test";

import { waitUntil } from "../support/wait-until.ts";
import type { SuiteContext } from "./runtime-server.ts";

const responseLimit = 6 * 1024 * 1024;
/** What the specification's issue allows beyond the limit of an invocation. */
const timeoutMarginMs = 250;

/** What an invocation is given and what comes of it when nothing goes wrong but time. */
export function invocationCases(suite: SuiteContext): void {
  describe("events and results", () => values(suite));
  describe("context and environment", () => surroundings(suite));
  describe("many at once", () => concurrency(suite));
  describe("timeouts", () => timeouts(suite));
}

function values(suite: SuiteContext): void {
  const { programs } = suite.cases;
  const events = [
    null,
    false,
    true,
    0,
    -1.5,
    9007199254740991,
    1e300,
    "",
    "text",
    "grüße 🌍 \u2028 \u0000 \"'\\",
    "a lone surrogate \ud800",
    [],
    [[], [null, 0]],
    {},
    { "": 0, __proto__x: 1, "a b": { c: [] } },
  ];
  for (const event of events) {
    it(`hands on the event ${JSON.stringify(event)} and its result`, async () => {
      await suite.guest.deploy(programs.echo);
      assert.deepEqual(await suite.guest.ask(event), event);
    });
  }

  it("takes an absent event as {}", async () => {
    await suite.guest.deploy(programs.echo);
    assert.deepEqual(await suite.guest.ask(), {});
  });

  it("answers null where the handler returns nothing", async () => {
    await suite.guest.deploy(programs.nothing);
    const reply = await suite.guest.invoke();
    assert.equal(reply.status, "success");
    assert.equal(reply.response, null);
  });

  it("answers the fields of the protocol and no others", async () => {
    const revision = await suite.guest.deploy(programs.echo);
    const reply = await suite.guest.invoke("x");
    const { request_id, duration_ms } = reply;
    assert.deepEqual(reply, {
      request_id,
      status: "success",
      duration_ms,
      response: "x",
      logs: [],
      revision,
    });
    assert.ok(duration_ms >= 0 && duration_ms < 1000, `${duration_ms} ms`);
  });

  it("takes an event of 6 MiB", async () => {
    await suite.guest.deploy(programs.echo);
    const event = "e".repeat(responseLimit - 2);
    assert.equal(await suite.guest.ask(event), event);
  });

  it("answers results up to 6 MiB, and ResponseTooLarge above", async () => {
    await suite.guest.deploy(programs.big);
    const fits = await suite.guest.ask({ text: "x", times: responseLimit - 2 });
    assert.equal(fits.length, responseLimit - 2);
    // Two bytes each in UTF-8: it is bytes that count.
    for (const event of [
      { text: "x", times: responseLimit - 1 },
      { text: "é", times: responseLimit / 2 },
    ]) {
      const reply = await suite.guest.invoke(event);
      assert.equal(reply.status, "error");
      assert.equal(reply.error_type, "ResponseTooLarge");
      assert.match(reply.error, /629145[78] bytes.* 6291456/);
      assert.equal(reply.response, null);
    }
    assert.equal(await suite.guest.ask({ text: "on", times: 1 }), "on");
  });

  it("measures the time in the handler", async () => {
    await suite.guest.deploy(programs.sleep);
    const { duration_ms } = await suite.guest.invoke({ ms: 50 });
    assert.ok(duration_ms >= 49, `${duration_ms} ms`);
    assert.ok(duration_ms < 50 + 200 * suite.slowFactor, `${duration_ms} ms`);
  });
}

function surroundings(suite: SuiteContext): void {
  const { programs } = suite.cases;

  it("gives the handler a context", async () => {
    const revision = await suite.guest.deploy(programs.context);
    const requestId = randomUUID();
    const seen = await suite.guest.ask({}, { requestId, timeoutMs: 20_000 });
    const { deadline_ms, remaining_ms, ...rest } = seen;
    assert.deepEqual(rest, {
      request_id: requestId,
      function_name: "tested",
      revision,
      memory_mb: 256,
      aws_request_id: requestId,
      memory_limit_in_mb: 256,
      traceparent: null,
    });
    assert.ok(remaining_ms > 20_000 - 1_000 * suite.slowFactor && remaining_ms <= 20_000);
    // A guest's clock may differ from ours, but it is a date and not a duration.
    assert.ok(deadline_ms > Date.parse("2020-01-01"), `${deadline_ms}`);
  });

  it("tells each invocation its own place in a trace", async () => {
    await suite.guest.deploy(programs.context);
    const traces = ["1", "2", "3"].map((n) => `00-${n.repeat(32)}-${n.repeat(16)}-01`);
    const seen = await Promise.all(
      traces.map((traceparent) => suite.guest.ask({}, { traceparent })),
    );
    assert.deepEqual(
      seen.map(({ traceparent }) => traceparent),
      traces,
    );
    assert.equal((await suite.guest.ask({})).traceparent, null);
  });

  it("gives each revision its environment, while loading and in child processes too", async () => {
    for (const greeting of ["Hi", "Grüße = 🌍\n", ""]) {
      await suite.guest.deploy({ ...programs.environment, env: { GREETING: greeting } });
      const seen = await suite.guest.ask();
      assert.deepEqual(seen, { now: greeting, at_load: greeting, path: true, child: greeting });
    }
    await suite.guest.deploy(programs.environment);
    const none = await suite.guest.ask();
    assert.deepEqual(none, { now: null, at_load: null, path: true, child: null });
  });

  it("keeps what a function changes in its environment to its own revision", async () => {
    const program = { ...programs.changeEnvironment, env: { GREETING: "Hi" } };
    await suite.guest.deploy(program);
    assert.equal(await suite.guest.ask({ to: "changed" }), "changed");
    await suite.guest.deploy({ ...programs.environment, env: { GREETING: "Hi" } });
    assert.equal((await suite.guest.ask()).now, "Hi");
  });
}

function concurrency(suite: SuiteContext): void {
  const { programs } = suite.cases;

  it("answers 100 invocations one after another on a kept-alive connection", async () => {
    await suite.guest.deploy(programs.counter);
    for (let count = 1; count <= 100; count += 1) assert.equal(await suite.guest.ask(), count);
  });

  it("holds 500 invocations at once, and counts them in /health", async () => {
    await suite.guest.deploy(programs.sleep);
    const event = { ms: 1500 * suite.slowFactor };
    let answered = 0;
    let most = 0;
    const calls = Array.from({ length: 500 }, async () => {
      assert.equal(await suite.guest.ask(event), "slept");
      answered += 1;
    });
    await waitUntil(
      "all 500 in flight",
      async () => {
        const { body } = await suite.guest.request("GET", "/health");
        most = Math.max(most, body.in_flight);
        return most === 500 || answered > 0;
      },
      10_000 * suite.slowFactor,
    );
    assert.equal(most, 500);
    await Promise.all(calls);
    const { body } = await suite.guest.request("GET", "/health");
    assert.equal(body.in_flight, 0);
  });

  for (const program of ["logOwnId", "logOwnIdBlocking"] as const) {
    it(`gives each of 200 invocations at once its own lines (${program})`, async () => {
      await suite.guest.deploy(programs[program]);
      const replies = await Promise.all(
        Array.from({ length: 200 }, () => suite.guest.invoke({ times: 10 })),
      );
      for (const { request_id, response, logs } of replies) {
        assert.equal(response, request_id);
        const own = Array.from({ length: 10 }, (_, line) => `${request_id} ${line}`);
        assert.deepEqual(logs, own);
      }
    });
  }
}

function timeouts(suite: SuiteContext): void {
  const { programs } = suite.cases;
  // The promise is 250 ms; emulation makes everything slower, the answer to a timer too.
  const margin = timeoutMarginMs * suite.slowFactor;

  it("ends an invocation that only waits, within 250 ms of its limit", async () => {
    await suite.guest.deploy(programs.logThenSleep);
    const began = performance.now();
    const reply = await suite.guest.invoke({ ms: 60_000 }, { timeoutMs: 200 });
    const took = performance.now() - began;
    const { status, response, error, error_type, stack, logs, duration_ms } = reply;
    assert.deepEqual(
      { status, response, error, error_type, stack, logs },
      {
        status: "timeout",
        response: null,
        error: "Function timed out after 200 ms",
        error_type: "FunctionTimeout",
        stack: null,
        logs: ["before"],
      },
    );
    assert.ok(took >= 199 && took <= 200 + margin, `${took} ms`);
    assert.ok(duration_ms >= 199 && duration_ms <= 200 + margin, `${duration_ms} ms`);
    assert.notEqual(reply.replace, true);
  });

  it("ends 100 at once in time, and none that is quick enough", async () => {
    await suite.guest.deploy(programs.sleep);
    const limit = 300 * suite.slowFactor;
    const slow = Array.from({ length: 100 }, async () => {
      const reply = await suite.guest.invoke({ ms: 60_000 }, { timeoutMs: limit });
      assert.equal(reply.status, "timeout");
      assert.ok(reply.duration_ms <= limit + margin, `${reply.duration_ms} ms`);
    });
    const quick = suite.guest.ask({ ms: 20 }, { timeoutMs: limit });
    assert.equal(await quick, "slept");
    await Promise.all(slow);
    assert.equal(await suite.guest.ask({ ms: 1 }), "slept");
  });
}
