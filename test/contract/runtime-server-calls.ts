import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { SuiteContext } from "./runtime-server.ts";

const bodyLimit = 7 * 1024 * 1024;

/** The calls themselves: what they take, refuse and answer. Leaves the server adopted. */
export function callCases(suite: SuiteContext): void {
  describe("before anything is loaded", () => beforeLoading(suite));
  describe("requests that cannot be understood", () => malformedRequests(suite));
  describe("control calls", () => controlCalls(suite));
}

function beforeLoading(suite: SuiteContext): void {
  it("answers /health of a server nobody has adopted", async () => {
    const { status, body, headers } = await suite.guest.request("GET", "/health");
    assert.equal(status, 200);
    assert.match(String(headers["content-type"]), /^application\/json/);
    assert.match(body.version, /^\d+\.\d+\.\d+/);
    assert.deepEqual(body, {
      status: "ok",
      protocol: 1,
      runtime: suite.subject.runtime,
      version: body.version,
      adopted: false,
      codeLoaded: false,
      handler: null,
      revision: null,
      error: null,
      in_flight: 0,
    });
  });

  it("loads nothing before it is adopted", async () => {
    const { status, body } = await suite.guest.load(suite.cases.programs.echo);
    assert.equal(status, 401);
    assert.equal(typeof body.error, "string");
  });

  it("refuses an adoption without a token of 43 characters or an instance", async () => {
    for (const body of [
      {},
      { token: 5, instance: "x" },
      { token: "short", instance: "x" },
      { token: suite.guest.token },
    ]) {
      const reply = await suite.guest.request("POST", "/control/adopt", body);
      assert.equal(reply.status, 400, JSON.stringify(body));
    }
  });

  it("is adopted by the first call and by nobody else after it", async () => {
    const first = await suite.guest.adopt();
    assert.equal(first.status, 200);
    assert.deepEqual(first.body, { status: "adopted" });
    assert.equal((await suite.guest.adopt()).status, 200);
    const other = await suite.guest.adopt("x".repeat(43));
    assert.equal(other.status, 403);
    assert.equal(typeof other.body.error, "string");
    const health = await suite.guest.request("GET", "/health");
    assert.equal(health.body.adopted, true);
  });

  it("answers 503 to an invocation while no code is loaded", async () => {
    const invocation = { request_id: "a", event: {}, timeout_ms: 1000 };
    const { status, body } = await suite.guest.request("POST", "/invoke", invocation);
    assert.equal(status, 503);
    assert.deepEqual(body, { error: "No code is loaded" });
  });
}

function malformedRequests(suite: SuiteContext): void {
  const refuses = async (status: number, method: string, path: string, body?: unknown) => {
    const reply = await suite.guest.request(method, path, body);
    assert.equal(reply.status, status, `${method} ${path} ${JSON.stringify(body)}`);
    assert.deepEqual(Object.keys(reply.body), ["error"]);
    assert.ok(reply.body.error.length > 0);
    return String(reply.body.error);
  };

  it("answers 404 to an unknown path", async () => {
    await refuses(404, "GET", "/");
    await refuses(404, "POST", "/invoke/more", {});
    await refuses(404, "GET", "/control");
  });

  it("answers 405 to a wrong method", async () => {
    await refuses(405, "GET", "/invoke");
    await refuses(405, "PUT", "/invoke", {});
    await refuses(405, "POST", "/health", {});
    await refuses(405, "GET", "/control/load");
    await refuses(405, "DELETE", "/control/adopt");
  });

  it("answers 400 to a body that is no JSON object", async () => {
    await suite.guest.deploy(suite.cases.programs.echo);
    const noUtf8 = Buffer.from([0x22, 0xff, 0x22]);
    for (const body of ["", "{", "nonsense", "[]", "null", '"text"', "7", noUtf8]) {
      await refuses(400, "POST", "/invoke", body);
    }
  });

  it("answers 400 to an invocation with a field missing or of the wrong type", async () => {
    const good = { request_id: "a", event: {}, timeout_ms: 1000 };
    for (const wrong of [undefined, null, 7, "", {}]) {
      const error = await refuses(400, "POST", "/invoke", { ...good, request_id: wrong });
      assert.match(error, /request_id/);
    }
    for (const wrong of [1, "", null, {}]) {
      const error = await refuses(400, "POST", "/invoke", { ...good, traceparent: wrong });
      assert.match(error, /traceparent/);
    }
    for (const wrong of [undefined, null, "7", 0, -1, {}]) {
      const error = await refuses(400, "POST", "/invoke", { ...good, timeout_ms: wrong });
      assert.match(error, /timeout_ms/);
    }
  });

  it("answers 413 to a body over 7 MiB, and goes on", async () => {
    const start = '{"request_id":"a","timeout_ms":1000,"event":"';
    const body = `${start}${"x".repeat(bodyLimit - start.length - 2)}"}`;
    await refuses(413, "POST", "/invoke", `${body} `);
    const fits = await suite.guest.request("POST", "/invoke", body);
    assert.equal(fits.status, 200);
    assert.equal(await suite.guest.ask("on"), "on");
  });
}

function controlCalls(suite: SuiteContext): void {
  const bundle = () => ({
    revision: 1,
    function_name: "tested",
    memory_mb: 256,
    handler: "handler",
    code: suite.cases.programs.echo.code,
    env: {},
  });

  it("answers 401 to a load without the token", async () => {
    const wrong = "x".repeat(43);
    for (const authorization of ["", wrong, `Bearer ${wrong}`, "Bearer", "Bearer é"]) {
      const headers: Record<string, string> = authorization ? { authorization } : {};
      const reply = await suite.guest.request("POST", "/control/load", bundle(), { headers });
      assert.equal(reply.status, 401, authorization);
      assert.equal(typeof reply.body.error, "string");
    }
  });

  const wrongFields: Record<string, readonly unknown[]> = {
    revision: [undefined, "1", 0, 1.5],
    function_name: [undefined, 7],
    memory_mb: [undefined, "256"],
    handler: [undefined, "", 7],
    code: [undefined, 7, null],
    env: [undefined, [], "A=B", { A: 7 }, { "A=B": "x" }, { "": "x" }, { A: "x\0" }],
  };
  for (const [field, values] of Object.entries(wrongFields)) {
    it(`answers 400 to a load with a wrong ${field}`, async () => {
      const headers = { authorization: `Bearer ${suite.guest.token}` };
      for (const value of values) {
        const body = { ...bundle(), [field]: value };
        const reply = await suite.guest.request("POST", "/control/load", body, { headers });
        assert.equal(reply.status, 400, JSON.stringify(body));
        assert.match(reply.body.error, new RegExp(field));
      }
      assert.equal(await suite.guest.ask("still"), "still");
    });
  }
}
