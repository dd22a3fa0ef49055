import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { ReplyBody } from "../support/runtime-guest.ts";
import type { LoadFailureCase } from "./runtime-cases.ts";
import type { SuiteContext } from "./runtime-server.ts";

const mebibyte = 1024 * 1024;

/** Loading revisions: what loads, what does not and says why, and what becomes of old ones. */
export function loadCases(suite: SuiteContext): void {
  describe("handlers", () => handlerForms(suite));
  describe("refuses", () => refusals(suite));
  describe("revisions", () => revisions(suite));
}

function handlerForms(suite: SuiteContext): void {
  for (const form of suite.cases.handlerForms) {
    it(`takes ${form.name}`, async () => {
      await suite.guest.deploy(form);
      assert.equal(await suite.guest.ask({ name: "World" }), "Hello, World");
    });
  }
}

function refusals(suite: SuiteContext): void {
  const all = { ...suite.cases.loadFailures, ...suite.cases.furtherLoadFailures };
  for (const [name, failure] of Object.entries(all)) {
    it(`code that ${name}, and goes on with the old`, async () => {
      const old = await suite.guest.deploy(suite.cases.programs.echo);
      const { status, body } = await suite.guest.load(failure);
      assert.equal(status, 422, JSON.stringify(body));
      checkLoadFailure(suite, failure, body);
      assert.equal(await suite.guest.ask("still"), "still");
      const health = (await suite.guest.request("GET", "/health")).body;
      assert.equal(health.revision, old);
      assert.equal(health.error, body.error.message);
    });
  }
}

function checkLoadFailure(suite: SuiteContext, expected: LoadFailureCase, body: ReplyBody): void {
  assert.equal(body.status, "failed");
  assert.deepEqual(body.logs, []);
  const { message, type, file, line, column, stack } = body.error;
  if (typeof expected.message === "string") assert.equal(message, expected.message);
  else assert.match(message, expected.message);
  assert.deepEqual({ type, file, line }, pick(expected));
  if (expected.column !== undefined) assert.equal(column, expected.column);
  assert.ok(column === null || column >= 1, `column ${column}`);
  if (stack !== null) assert.doesNotMatch(stack, suite.cases.foreignFrame);
}

function pick({ type, file, line }: LoadFailureCase) {
  return { type, file, line };
}

function revisions(suite: SuiteContext): void {
  const { programs } = suite.cases;

  it("answers what it loaded, and shows it in /health", async () => {
    await suite.guest.load(suite.cases.loadFailures.syntaxError);
    const { status, body } = await suite.guest.load({ ...programs.echo });
    assert.equal(status, 200);
    assert.deepEqual(body, { status: "loaded", revision: body.revision, logs: [] });
    const health = (await suite.guest.request("GET", "/health")).body;
    const { codeLoaded, handler, revision, error } = health;
    assert.deepEqual(
      { codeLoaded, handler, revision, error },
      { codeLoaded: true, handler: "handler", revision: body.revision, error: null },
    );
    assert.equal((await suite.guest.invoke("x")).revision, body.revision);
  });

  it("answers what the code printed while it loaded", async () => {
    const { body } = await suite.guest.load(programs.logsWhileLoading);
    assert.deepEqual(body.logs, ["loading"]);
    assert.deepEqual((await suite.guest.invoke()).logs, []);
  });

  it("starts each revision anew", async () => {
    await suite.guest.deploy(programs.counter);
    assert.deepEqual([await suite.guest.ask(), await suite.guest.ask()], [1, 2]);
    await suite.guest.deploy(programs.counter);
    assert.equal(await suite.guest.ask(), 1);
  });

  it("lets invocations finish on the revision and environment they began with", async () => {
    const event = { ms: 400 * suite.slowFactor };
    const old = await suite.guest.deploy({ ...programs.slowEnvironment, env: { GREETING: "old" } });
    const running = suite.guest.invoke(event);
    await suite.guest.untilInFlight(1);
    const revision = await suite.guest.deploy({
      ...programs.slowEnvironment,
      env: { GREETING: "new" },
    });
    const fresh = await suite.guest.invoke({ ms: 1 });
    assert.deepEqual([fresh.response, fresh.revision], [["new", "new"], revision]);
    const stale = await running;
    assert.deepEqual([stale.response, stale.revision], [["old", "old"], old]);
  });

  it("gives up a load that never ends when the caller closes the connection", async () => {
    await suite.guest.deploy(programs.echo);
    const signal = AbortSignal.timeout(300 * suite.slowFactor);
    const endless = suite.guest.load(programs.loadsForever, { signal });
    await assert.rejects(endless, { name: "AbortError" });
    assert.equal(await suite.guest.ask("still"), "still");
    await suite.guest.deploy(programs.nothing);
    assert.equal(await suite.guest.ask(), null);
  });

  it("takes loads one after another", async () => {
    const sent = Promise.withResolvers<void>();
    const signal = AbortSignal.timeout(500 * suite.slowFactor);
    let firstEnded = false;
    const first = suite.guest.load(programs.loadsForever, { signal, onSent: sent.resolve });
    const ended = first.catch(() => (firstEnded = true));
    await sent.promise;
    // Once this is answered the server has read the first load, which was sent before.
    await suite.guest.request("GET", "/health");
    await suite.guest.deploy(programs.echo);
    assert.equal(firstEnded, true);
    await ended;
    assert.equal(await suite.guest.ask("on"), "on");
  });

  it("frees revisions that nothing runs any more", { timeout: 300_000 }, async () => {
    const resident: number[] = [];
    for (let count = 0; count < 50; count += 1) {
      await suite.guest.deploy(programs.ballast);
      resident.push(await suite.guest.ask());
    }
    const growth = ((resident.at(-1) ?? 0) - (resident[9] ?? 0)) / mebibyte;
    // Forty revisions of 8 MiB: 320 MiB if they were kept.
    assert.ok(growth < 100, `Grew by ${growth} MiB: ${resident.map((at) => at / mebibyte).join()}`);
  });
}
