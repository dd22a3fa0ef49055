import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import type { InvokeResponse } from "../../src/api/invocations.ts";
import { TestManager } from "../support/manager.ts";
import { OtlpReceiver, type ReceivedSpan } from "../support/otlp-receiver.ts";
import { waitUntil } from "../support/wait-until.ts";

const codes = {
  node: `exports.handler = (event, { traceparent }) => {
    if (event.fail) throw new RangeError("out of range");
    return traceparent ?? null;
  };`,
  python: "def handler(event, context):\n    return context.traceparent\n",
} as const;

interface Caller {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceparent: string;
}

function newCaller(flags = "01"): Caller {
  const traceId = randomBytes(16).toString("hex");
  const spanId = randomBytes(8).toString("hex");
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-${flags}` };
}

async function invoke(
  manager: TestManager,
  name: string,
  { event = {}, headers = {} }: { event?: unknown; headers?: Record<string, string> } = {},
): Promise<InvokeResponse> {
  const answer = await fetch(`${manager.url}/v1/functions/${name}/invoke`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ event }),
  });
  assert.equal(answer.status, 200);
  return (await answer.json()) as InvokeResponse;
}

/** What the manager logged with this message, as it was logged. */
function logged(manager: TestManager, message: string): Record<string, unknown>[] {
  return manager.output
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ msg }) => msg === message);
}

/** What the manager has logged about the function by that message: it may come to it a moment later. */
async function loggedAbout(
  manager: TestManager,
  message: string,
  id: string,
): Promise<Record<string, unknown>> {
  const find = () => logged(manager, message).find(({ functionId }) => functionId === id);
  await waitUntil(`it logs ${JSON.stringify(message)}`, () => find() !== undefined);
  return find() ?? {};
}

describe("traces, with a collector", () => {
  let receiver: OtlpReceiver;
  let manager: TestManager;
  before(async () => {
    receiver = await OtlpReceiver.start();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint };
    manager = await TestManager.start({ driver: "process", env });
  });
  after(async () => {
    await manager.stop();
    await receiver.stop();
  });

  /** The span of the call that a caller made. */
  function callOf({ traceId, spanId }: Caller): Promise<ReceivedSpan> {
    const isIt = (span: ReceivedSpan) => span.traceId === traceId && span.parentSpanId === spanId;
    return receiver.span("the call", isIt);
  }

  for (const runtime of ["node", "python"] as const) {
    it(`continues its caller's trace through a cold start into the function: ${runtime}`, async () => {
      const item = await manager.deploy({ name: `cold-${runtime}`, runtime, code: codes[runtime] });
      await manager.client.deleteVm(item.vm_id ?? "");
      const { client } = manager;
      await waitUntil("it sleeps", async () => (await client.getFunction(item.id)).vms === 0);
      const caller = newCaller();
      const headers = { traceparent: caller.traceparent, tracestate: "vendor=theirs,other=1" };
      const reply = await invoke(manager, item.name, { headers });

      const call = await callOf(caller);
      assert.equal(call.name, "POST /v1/functions/:id/invoke");
      assert.equal(call.kind, 2);
      assert.equal(call.service, "firelet");
      assert.equal(call.traceState, "vendor=theirs,other=1");
      assert.equal(call.attributes["http.response.status_code"], 200);
      assert.equal(call.attributes["url.path"], `/v1/functions/${item.name}/invoke`);
      assert.equal(call.failed, false);

      const invocation = await receiver.part(call, "function.invoke");
      assert.equal(invocation.kind, 3);
      assert.equal(invocation.attributes["faas.invoked_name"], item.name);
      assert.equal(invocation.attributes["faas.invocation_id"], reply.request_id);
      assert.equal(invocation.attributes["faas.coldstart"], true);
      assert.equal(invocation.attributes["firelet.vm.id"], reply.vm_id);
      const handlerMs = Number(invocation.attributes["firelet.handler_ms"]);
      assert.ok(handlerMs > 0 && handlerMs <= invocation.durationMs, `${handlerMs} ms`);
      assert.equal(reply.response, `00-${caller.traceId}-${invocation.spanId}-01`);

      const start = await receiver.part(invocation, "vm.start");
      assert.equal(start.attributes["firelet.vm.start_way"], "boot");
      assert.equal(start.attributes["firelet.vm.id"], reply.vm_id);
      await receiver.part(start, "vm.boot");
      await receiver.part(start, "code.load");
    });
  }

  it("shows a deploy in the trace of the call that asked for it, and their ids in the log", async () => {
    const caller = newCaller();
    const answer = await fetch(`${manager.url}/v1/functions`, {
      method: "POST",
      headers: { "content-type": "application/json", traceparent: caller.traceparent },
      body: JSON.stringify({ name: "deployed", runtime: "node", code: codes.node }),
    });
    const { id } = (await answer.json()) as { id: string };
    await manager.settled(id);
    const call = await callOf(caller);
    assert.equal(call.name, "POST /v1/functions");
    const create = await receiver.part(call, "function.create");
    const deploy = await receiver.part(create, "function.deploy");
    assert.equal(deploy.attributes["firelet.function.id"], id);
    const start = await receiver.part(deploy, "vm.start");
    await receiver.part(start, "code.load");
    const requestId = answer.headers.get("x-request-id");
    for (const message of ["Function created", "VM is running", "Function deployed"]) {
      const line = await loggedAbout(manager, message, id);
      assert.equal(line["requestId"], requestId, message);
      assert.equal(line["traceId"], caller.traceId, message);
    }

    const updater = newCaller();
    await fetch(`${manager.url}/v1/functions/deployed`, {
      method: "PUT",
      headers: { "content-type": "application/json", traceparent: updater.traceparent },
      body: JSON.stringify({ code: "syntax error(" }),
    });
    await manager.settled(id);
    const update = await receiver.part(await callOf(updater), "function.deploy");
    assert.equal(update.failed, true);
    assert.match(update.message, /SyntaxError/);
    assert.equal(update.attributes["error.type"], "code_rejected");
    await receiver.part(update, "code.load");
    const failed = await loggedAbout(manager, "Deploy failed", id);
    assert.equal(failed["traceId"], updater.traceId);
  });

  it("records a function's failure, with its class and stack; the call is none", async () => {
    await manager.deploy({ name: "failing", runtime: "node", code: codes.node });
    const caller = newCaller();
    const { traceparent } = caller;
    const reply = await invoke(manager, "failing", {
      event: { fail: true },
      headers: { traceparent },
    });
    assert.equal(reply.status, "error");
    const call = await callOf(caller);
    assert.equal(call.failed, false);
    const invocation = await receiver.part(call, "function.invoke");
    assert.equal(invocation.failed, true);
    assert.equal(invocation.attributes["error.type"], "RangeError");
    const [exception] = invocation.exceptions;
    assert.equal(exception?.["exception.type"], "RangeError");
    assert.equal(exception?.["exception.message"], "out of range");
    assert.match(String(exception?.["exception.stacktrace"]), /handler\.js:2/);
  });

  it("records what the platform refuses", async () => {
    const caller = newCaller();
    const answer = await fetch(`${manager.url}/v1/functions/nobody/invoke`, {
      method: "POST",
      headers: { traceparent: caller.traceparent },
    });
    assert.equal(answer.status, 404);
    const call = await callOf(caller);
    assert.equal(call.attributes["http.response.status_code"], 404);
    const invocation = await receiver.part(call, "function.invoke");
    assert.equal(invocation.attributes["error.type"], "function_not_found");
  });

  it("begins a trace where there is none, or an invalid one", async () => {
    await manager.deploy({ name: "beginning", runtime: "node", code: codes.node });
    const traces = new Set<string>();
    for (const traceparent of [
      undefined,
      "00-nothing",
      `00-${"0".repeat(32)}-${"1".repeat(16)}-01`,
    ]) {
      const headers = traceparent === undefined ? {} : { traceparent, tracestate: "vendor=1" };
      const { response } = await invoke(manager, "beginning", { headers });
      const [, traceId = "", spanId] =
        /^00-([\da-f]{32})-([\da-f]{16})-01$/.exec(String(response)) ?? [];
      const invocation = await receiver.span("it", (span) => span.spanId === spanId);
      assert.equal(invocation.traceId, traceId);
      assert.equal(invocation.traceState, "");
      traces.add(traceId);
    }
    assert.equal(traces.size, 3);
  });

  it("records nothing of a trace that its caller does not record, and passes that on", async () => {
    await manager.deploy({ name: "unsampled", runtime: "node", code: codes.node });
    const caller = newCaller("00");
    const { traceparent } = caller;
    const { response } = await invoke(manager, "unsampled", { headers: { traceparent } });
    assert.match(String(response), new RegExp(`^00-${caller.traceId}-[\\da-f]{16}-00$`));
    assert.notEqual(response, traceparent);
    const later = newCaller();
    await invoke(manager, "unsampled", { headers: { traceparent: later.traceparent } });
    await callOf(later);
    assert.equal(receiver.spans.filter(({ traceId }) => traceId === caller.traceId).length, 0);
  });

  it("sends JSON to /v1/traces", () => {
    assert.deepEqual([...receiver.calls], ["POST /v1/traces application/json"]);
  });

  it("traces no call that only reads", () => {
    const names = new Set(
      receiver.spans.map(({ name }) => name).filter((name) => /^[A-Z]/.test(name)),
    );
    const traced = ["POST /v1/functions", "POST /v1/functions/:id/invoke", "PUT /v1/functions/:id"];
    assert.deepEqual([...names].toSorted(), traced);
  });
});

describe("traces, without a collector", () => {
  let manager: TestManager;
  before(async () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: "" };
    manager = await TestManager.start({ driver: "process", env });
    for (const runtime of ["node", "python"] as const) {
      await manager.deploy({ name: runtime, runtime, code: codes[runtime] });
    }
  });
  after(() => manager.stop());

  for (const name of ["node", "python"]) {
    it(`passes a caller's own header on unchanged, and an invalid one not: ${name}`, async () => {
      const { traceparent } = newCaller("03");
      const { response } = await invoke(manager, name, { headers: { traceparent } });
      assert.equal(response, traceparent);
      const later = `cc-${traceparent.slice(3)}-"}`;
      assert.equal(
        (await invoke(manager, name, { headers: { traceparent: later } })).response,
        later,
      );
      const broken = { traceparent: traceparent.toUpperCase() };
      assert.equal((await invoke(manager, name, { headers: broken })).response, null);
      assert.equal((await invoke(manager, name)).response, null);
    });
  }

  it("logs the trace that a caller is in", async () => {
    const caller = newCaller();
    const answer = await fetch(`${manager.url}/v1/functions`, {
      method: "POST",
      headers: { "content-type": "application/json", traceparent: caller.traceparent },
      body: JSON.stringify({ name: "logged", runtime: "node", code: codes.node }),
    });
    const { id } = (await answer.json()) as { id: string };
    await manager.settled(id);
    const deployed = await loggedAbout(manager, "Function deployed", id);
    assert.equal(deployed["traceId"], caller.traceId);
  });
});

describe("traces, with a collector that is away", () => {
  const code = codes.node;

  it("loses them, says so once, and neither fails invocations nor holds up the stop", async () => {
    const nobody = createServer().listen(0, "127.0.0.1");
    await once(nobody, "listening");
    const { port } = nobody.address() as AddressInfo;
    nobody.close();
    await once(nobody, "close");
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}/` };
    const manager = await TestManager.start({ driver: "process", env });
    await manager.deploy({ name: "lost", runtime: "node", code });
    const lost = () => logged(manager, "Traces are not taken, and are lost");
    await waitUntil(
      "it says that they are lost",
      async () => {
        assert.equal((await invoke(manager, "lost")).status, "success");
        return lost().length > 0;
      },
      15_000,
    );
    assert.equal(lost()[0]?.["url"], `http://127.0.0.1:${port}/v1/traces`);
    await invoke(manager, "lost");
    const startMs = performance.now();
    assert.equal(await manager.stop(), 0);
    assert.ok(performance.now() - startMs < 6_000, "stops within what it gives the collector");
    assert.equal(lost().length, 1);
  });

  it("does not wait for one that takes calls and never answers", async () => {
    const mute = createServer(() => undefined).listen(0, "127.0.0.1");
    await once(mute, "listening");
    const { port } = mute.address() as AddressInfo;
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` };
    const manager = await TestManager.start({ driver: "process", env });
    await manager.deploy({ name: "mute", runtime: "node", code });
    const replies = await Promise.all(Array.from({ length: 300 }, () => invoke(manager, "mute")));
    assert.ok(replies.every(({ status }) => status === "success"));
    const startMs = performance.now();
    assert.equal(await manager.stop(), 0);
    assert.ok(performance.now() - startMs < 6_000, "stops within what it gives the collector");
    mute.close();
  });

  it("sends what is left when the manager stops", async () => {
    const receiver = await OtlpReceiver.start();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint };
    const manager = await TestManager.start({ driver: "process", env });
    await manager.deploy({ name: "last", runtime: "node", code });
    const { request_id } = await invoke(manager, "last");
    await manager.stop();
    const ids = receiver.spans.map(({ attributes }) => attributes["faas.invocation_id"]);
    await receiver.stop();
    assert.ok(ids.includes(request_id));
  });
});
