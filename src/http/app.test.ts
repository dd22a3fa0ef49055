import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { InjectOptions } from "fastify";
import { startMemoryPlatform, type MemoryPlatform } from "../../test/support/memory-platform.ts";
import { PlatformError } from "../core/errors.ts";
import { waitUntil } from "../../test/support/wait-until.ts";

const hello = { name: "hello", runtime: "node", code: "async function handler() {}" };

const egressWanted =
  '"none", "internet" (all but private and special addresses), or a list of at most 64 entries: "internet", an IPv4 address or block, a host name or *.name, each of these three with an optional :port or :from-to';

describe("the HTTP API", () => {
  let memory: MemoryPlatform;
  before(async () => {
    memory = await startMemoryPlatform();
  });
  after(() => memory.close());

  const call = async (options: InjectOptions) => {
    const answer = await memory.app.inject(options);
    return { status: answer.statusCode, headers: answer.headers, body: answer.json() };
  };
  const post = (url: string, payload: object) => call({ method: "POST", url, payload });
  const create = async (fields: object) => {
    const { status, body } = await post("/v1/functions", { ...hello, ...fields });
    assert.equal(status, 200, JSON.stringify(body));
    const url = `/v1/functions/${body.id}`;
    await waitUntil("ready", async () => (await call({ url })).body.item.state === "ready");
    return body.id as string;
  };

  const refused: readonly [what: string, fields: object, message: string][] = [
    ["a missing name", { name: undefined }, 'Missing field: want "name" in the body'],
    [
      "a bad name",
      { name: "Hello World" },
      'Invalid name: found "Hello World", want Unique; 1 to 63 of a-z, 0-9 and "-", starting with a letter',
    ],
    [
      "an unknown runtime",
      { runtime: "ruby" },
      'Invalid runtime: found "ruby", want one of "node", "python"',
    ],
    ["an empty code", { code: "" }, 'Invalid code: found "", want at least 1 characters'],
    ["too little memory", { memory_mb: 64 }, "Invalid memory_mb: found 64, want at least 128"],
    ["too many vcpus", { vcpu: 33 }, "Invalid vcpu: found 33, want at most 32"],
    ["a number as text", { vcpu: "2" }, 'Invalid vcpu: found "2", want an integer'],
    ["no timeout", { timeout_seconds: 0 }, "Invalid timeout_seconds: found 0, want at least 1"],
    ["an env that is no text", { env: { A: 1 } }, "Invalid env.A: found 1, want a string"],
    [
      "a large env",
      { env: { A: "x".repeat(4096) } },
      "Invalid env: found 4097 bytes in all, want at most 4096",
    ],
    [
      "more VMs at least than at most",
      { min_vms: 3, max_vms: 2 },
      "Invalid min_vms: found 3, want at most max_vms, which is 2",
    ],
    [
      "an egress of another kind",
      { egress: "everything" },
      `Invalid egress: found "everything", want ${egressWanted}`,
    ],
    [
      "an egress entry that is no text",
      { egress: ["internet", 5432] },
      `Invalid egress: found ["internet",5432], want ${egressWanted}`,
    ],
    [
      "too many egress entries",
      { egress: Array.from({ length: 65 }, () => "a.b") },
      `Invalid egress: found [${'"a.b",'.repeat(13)}"…, want ${egressWanted}`,
    ],
    [
      "an egress entry without a port after its colon",
      { egress: ["10.0.0.1:0"] },
      'Invalid egress: found "10.0.0.1:0", want a port or a range of ports from 1 to 65535 after ":"',
    ],
    [
      "an egress entry that is always closed",
      { egress: ["internet", "169.254.169.254"] },
      'Invalid egress: found "169.254.169.254", which has addresses of 169.254.0.0/16: those are always closed',
    ],
  ];
  for (const [what, fields, message] of refused) {
    it(`refuses ${what} by name, with what was found and what is allowed`, async () => {
      const { status, body } = await post("/v1/functions", { ...hello, ...fields });
      assert.deepEqual(
        { status, ...body },
        { status: 400, error: message, code: "invalid_request" },
      );
    });
  }

  it("refuses an unknown field by its name", async () => {
    const { status, body } = await post("/v1/functions", { ...hello, memory: 1 });
    assert.equal(status, 400);
    assert.match(body.error, /^Unknown field: found "memory", want "name", "runtime", /);
  });

  it("answers malformed JSON, wrong types, paths and methods in the one error shape", async () => {
    const json = { "content-type": "application/json" };
    const url = "/v1/functions";
    const cases: readonly [InjectOptions, number, string][] = [
      [{ method: "POST", url, headers: json, payload: "{nope" }, 400, "invalid_request"],
      [{ method: "POST", url, headers: json, payload: "[]" }, 400, "invalid_request"],
      [
        { method: "POST", url, headers: { "content-type": "text/plain" }, payload: "x" },
        415,
        "unsupported_media_type",
      ],
      [{ url: "/v1/nothing" }, 404, "route_not_found"],
      [{ method: "PATCH", url }, 405, "method_not_allowed"],
      [{ method: "GET", url: `${url}/x/invoke` }, 405, "method_not_allowed"],
      [{ method: "QUERY", url }, 405, "method_not_allowed"],
      [
        { method: "POST", url: "/v1/vms", headers: json, payload: "{nope" },
        405,
        "method_not_allowed",
      ],
      [{ url: `${url}/nobody` }, 404, "function_not_found"],
      [{ url: `${url}/nobody/logs` }, 404, "function_not_found"],
      [{ url: `${url}/nobody/revisions` }, 404, "function_not_found"],
      [
        { method: "POST", url: `${url}/nobody/rollback`, payload: { revision: 1 } },
        404,
        "function_not_found",
      ],
      [{ method: "POST", url: `${url}/nobody/rollback`, payload: {} }, 400, "invalid_request"],
      [
        { method: "POST", url: `${url}/nobody/rollback`, payload: { revision: 0 } },
        400,
        "invalid_request",
      ],
      [{ url: `${url}/nobody/rollback` }, 405, "method_not_allowed"],
      [{ url: `${url}?limit=0` }, 400, "invalid_request"],
      [{ url: `${url}?state=asleep` }, 400, "invalid_request"],
      [{ url: "/v1/vms/nobody" }, 404, "vm_not_found"],
      [{ url: "/v1/vms/nobody/network" }, 404, "vm_not_found"],
      [{ url: "/v1/functions/%zz" }, 400, "invalid_request"],
      [{ url: `/v1/functions/${"x".repeat(200)}` }, 404, "function_not_found"],
      [{ url: `/v1/functions/${"x".repeat(2000)}` }, 400, "invalid_request"],
      [{ url, headers: { host: "evil.example" } }, 403, "forbidden"],
      [
        { method: "POST", url, headers: json, payload: JSON.stringify("x".repeat(9_000_000)) },
        413,
        "payload_too_large",
      ],
    ];
    for (const [options, status, code] of cases) {
      const answer = await call(options);
      assert.equal(answer.status, status, JSON.stringify(answer.body));
      assert.equal(answer.body.code, code);
      assert.deepEqual(Object.keys(answer.body).toSorted(), ["code", "error"]);
      assert.match(String(answer.headers["x-request-id"]), /^[0-9a-f-]{36}$/);
    }
  });

  it("names the allowed methods of a path", async () => {
    const { headers } = await call({ method: "DELETE", url: "/v1/functions" });
    assert.equal(headers["allow"], "GET, HEAD, POST");
  });

  it("refuses pages of other origins and names that were made to point here", async () => {
    const origin = await call({ url: "/v1/functions", headers: { origin: "http://evil.example" } });
    assert.deepEqual([origin.status, origin.body.code], [403, "forbidden"]);
    const host = await call({ url: "/v1/functions", headers: { host: "evil.example" } });
    assert.deepEqual([host.status, host.body.code], [403, "forbidden"]);
    const own = { host: "localhost:18080", origin: "http://localhost:18080" };
    assert.equal((await call({ url: "/v1/functions", headers: own })).status, 200);
  });

  it("names the holder of a taken name", async () => {
    const id = await create({ name: "taken" });
    const { status, body } = await post("/v1/functions", { ...hello, name: "taken" });
    assert.deepEqual([status, body.code], [409, "name_taken"]);
    assert.ok(body.error.includes(id));
  });

  it("shows a function in full by id and by name, and in lists without code and env", async () => {
    const id = await create({ name: "shown", env: { A: "1" } });
    const byId = await call({ url: `/v1/functions/${id}` });
    const byName = await call({ url: "/v1/functions/shown" });
    assert.deepEqual(byId.body, byName.body);
    const { item } = byId.body;
    assert.equal(item.code, hello.code);
    assert.deepEqual(item.env, { A: "1" });
    assert.equal(item.guest_ip, item.vm_id);
    assert.deepEqual([item.revision, item.deployed_revision, item.vms], [1, 1, 1]);
    const list = await call({ url: "/v1/functions?name=shown" });
    const { code: _code, env: _env, egress_note: _note, ...summary } = item;
    assert.deepEqual(list.body.items, [summary]);
  });

  it("takes every JSON value as an event, and none as {}", async () => {
    const id = await create({ name: "events" });
    const url = `/v1/functions/${id}/invoke`;
    const seen: string[] = [];
    const vm = [...memory.vms.vms.values()].find(({ spec }) => spec.functionId === id);
    assert.ok(vm);
    const invoke = vm.invoke.bind(vm);
    vm.invoke = (invocation, signal) => {
      seen.push(invocation.eventJson);
      const reply = invoke(invocation, signal);
      vm.answer(invocation.requestId);
      return reply;
    };
    for (const event of [null, false, 0, "", [], { __proto__: null, a: { constructor: 1 } }]) {
      assert.equal((await post(url, { event })).status, 200);
    }
    assert.equal((await post(url, {})).status, 200);
    assert.equal((await call({ method: "POST", url })).status, 200);
    assert.deepEqual(seen, [
      "null",
      "false",
      "0",
      '""',
      "[]",
      '{"a":{"constructor":1}}',
      "{}",
      "{}",
    ]);
    assert.equal((await post(url, { evnt: 1 })).status, 400);
    const exact = '{"event":{"id":12345678901234567890,"x":1.0}}';
    const headers = { "content-type": "application/json" };
    assert.equal((await call({ method: "POST", url, headers, payload: exact })).status, 200);
    assert.equal(seen.at(-1), '{"id":12345678901234567890,"x":1.0}');
  });

  it("waits for a deploy, and says why one failed", async () => {
    memory.vms.loadWith = () => ({
      loaded: false,
      message: "SyntaxError (handler.js:1:2)",
      logs: [],
    });
    const { body } = await post("/v1/functions", { ...hello, name: "broken" });
    const answer = await post(`/v1/functions/${body.id}/invoke`, {});
    assert.deepEqual([answer.status, answer.body.code], [409, "function_in_error"]);
    assert.match(answer.body.error, /SyntaxError \(handler\.js:1:2\)/);
    const { item } = (await call({ url: `/v1/functions/${body.id}` })).body;
    assert.deepEqual([item.state, item.last_error], ["error", "SyntaxError (handler.js:1:2)"]);
    memory.vms.loadWith = () => ({ loaded: true, logs: [] });
  });

  it("rolls out an update in the background, and refuses an empty one", async () => {
    const id = await create({ name: "updated" });
    const url = `/v1/functions/${id}`;
    const empty = await call({ method: "PUT", url, payload: {} });
    assert.equal(empty.status, 400);
    assert.match(empty.body.error, /^Nothing to change: want at least one of "name"/);
    const runtime = await call({ method: "PUT", url, payload: { runtime: "python" } });
    assert.match(runtime.body.error, /^Unknown field: found "runtime"/);
    const answer = await call({
      method: "PUT",
      url,
      payload: { code: "new", timeout_seconds: 60 },
    });
    assert.equal(answer.status, 200);
    assert.deepEqual([answer.body.item.revision, answer.body.item.timeout_seconds], [2, 60]);
    const deployed = async () => (await call({ url })).body.item.deployed_revision === 2;
    await waitUntil("deployed", deployed);
  });

  it("keeps a failed update's old revision ready and says why", async () => {
    const id = await create({ name: "kept" });
    const url = `/v1/functions/${id}`;
    memory.vms.loadWith = () => ({ loaded: false, message: "bad code", logs: [] });
    await call({ method: "PUT", url, payload: { code: "bad" } });
    await waitUntil("refused", async () => (await call({ url })).body.item.last_error !== null);
    memory.vms.loadWith = () => ({ loaded: true, logs: [] });
    const { item } = (await call({ url })).body;
    assert.deepEqual(
      [item.state, item.revision, item.deployed_revision, item.last_error],
      ["ready", 2, 1, "bad code"],
    );
  });

  it("keeps VMs running from the moment that min_vms says so", async () => {
    const id = await create({ name: "warm" });
    const url = `/v1/functions/${id}`;
    await memory.platform.fleets.close(id, new PlatformError("shutting_down", "as in a restart"));
    assert.equal((await call({ url })).body.item.vms, 0);
    await call({ method: "PUT", url, payload: { min_vms: 1 } });
    await waitUntil("a VM runs", async () => (await call({ url })).body.item.vms === 1);
  });

  it("deletes a function once", async () => {
    const id = await create({ name: "deleted" });
    const first = await call({ method: "DELETE", url: `/v1/functions/${id}` });
    assert.deepEqual([first.status, first.body], [200, { message: "Function deleted" }]);
    const second = await call({ method: "DELETE", url: `/v1/functions/${id}` });
    assert.equal(second.status, 404);
    assert.ok(![...memory.vms.vms.values()].some(({ spec }) => spec.functionId === id));
  });

  it("describes every route in the OpenAPI document", async () => {
    const { body } = await call({ url: "/openapi.json" });
    assert.equal(body.openapi, "3.1.0");
    assert.deepEqual(Object.keys(body.paths).toSorted(), [
      "/health",
      "/metrics",
      "/v1/events",
      "/v1/functions",
      "/v1/functions/{id}",
      "/v1/functions/{id}/invoke",
      "/v1/functions/{id}/logs",
      "/v1/functions/{id}/logs/stream",
      "/v1/functions/{id}/revisions",
      "/v1/functions/{id}/rollback",
      "/v1/functions/{id}/stats",
      "/v1/host",
      "/v1/runtimes",
      "/v1/stats",
      "/v1/vms",
      "/v1/vms/{id}",
      "/v1/vms/{id}/console",
      "/v1/vms/{id}/metrics",
      "/v1/vms/{id}/metrics/ws",
      "/v1/vms/{id}/network",
      "/v1/vms/{id}/shell",
      "/v1/vms/{id}/shell/ws",
    ]);
  });

  it("says that it is there", async () => {
    assert.deepEqual((await call({ url: "/health" })).body, { status: "ok", version: "0.0.0" });
  });
});
