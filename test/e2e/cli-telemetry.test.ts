import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startMemoryPlatform, type MemoryPlatform } from "../support/memory-platform.ts";
import { parseMetrics, valueOf } from "../support/metrics-page.ts";
import { waitUntil } from "../support/wait-until.ts";
import { cli } from "./cli-harness.ts";

let platform: MemoryPlatform;
let env: { FIRELET_URL: string };

before(async () => {
  platform = await startMemoryPlatform();
  env = { FIRELET_URL: await platform.app.listen({ host: "127.0.0.1", port: 0 }) };
  const payload = { name: "hello", runtime: "node", code: "-" };
  await platform.app.inject({ method: "POST", url: "/v1/functions", payload });
  await platform.platform.deployments.settled(platform.platform.registry.get("hello").id);
});
after(() => platform.close());

async function invokeHello(...args: readonly string[]) {
  const run = cli(["functions", "invoke", "hello", ...args], { env });
  await waitUntil("the invocation runs", () => platform.vms.only.running.length > 0);
  const { traceparent } = platform.vms.only;
  platform.vms.only.answer(platform.vms.only.running[0] ?? "");
  return { ...(await run), traceparent };
}

describe("firelet functions invoke --traceparent", () => {
  test("tells the function where its caller is in a trace", async () => {
    const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    const told = await invokeHello("--traceparent", traceparent);
    assert.equal(told.code, 0);
    assert.equal(told.traceparent, traceparent);
    assert.equal((await invokeHello()).traceparent, undefined);
  });
});

describe("firelet metrics", () => {
  test("prints what Prometheus reads, whole", async () => {
    const run = await cli(["metrics"], { env });
    assert.equal(run.code, 0);
    const families = parseMetrics(run.stdout);
    assert.equal(valueOf(families, "firelet_functions", { state: "ready" }), 1);
    assert.ok(families.has("process_resident_memory_bytes"));
  });

  test("prints those whose name begins as it is told", async () => {
    const run = await cli(["metrics", "firelet_functions"], { env });
    assert.deepEqual([...parseMetrics(run.stdout).keys()], ["firelet_functions"]);
    assert.deepEqual(await cli(["metrics", "no_such"], { env }), {
      code: 0,
      stdout: "",
      stderr: "",
    });
  });

  test("prints samples as JSON", async () => {
    const run = await cli(["metrics", "firelet_functions", "--json"], { env });
    const samples = JSON.parse(run.stdout) as unknown[];
    assert.equal(samples.length, 5);
    const ready = { name: "firelet_functions", labels: { state: "ready" }, value: 1 };
    assert.deepEqual(samples[3], ready);
  });

  test("has help with an example", async () => {
    const run = await cli(["metrics", "--help"]);
    assert.match(run.stdout, /in the text format of Prometheus[^]*firelet_invocations_total/);
  });
});
