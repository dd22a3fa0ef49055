import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { InvocationRecord } from "../../src/core/invocation.ts";
import { startMemoryPlatform, type MemoryPlatform } from "../support/memory-platform.ts";
import { invocationRecord } from "../support/records.ts";
import { waitUntil } from "../support/wait-until.ts";
import { cli } from "./cli-harness.ts";

let platform: MemoryPlatform;
let env: { FIRELET_URL: string };

before(async () => {
  platform = await startMemoryPlatform();
  env = { FIRELET_URL: await platform.app.listen({ host: "127.0.0.1", port: 0 }) };
});
after(() => platform.close());

/** A function that is ready; resolves to its id. */
async function create(name: string): Promise<string> {
  const payload = { name, runtime: "node", code: "async function handler() {}" };
  const answer = await platform.app.inject({ method: "POST", url: "/v1/functions", payload });
  const { id } = answer.json<{ id: string }>();
  const { registry } = platform.platform;
  await waitUntil("ready", () => registry.get(id).state === "ready");
  return id;
}

/** As an invocation that has just ended is recorded; resolves to its request id. */
function record(functionId: string, fields: Partial<InvocationRecord> = {}): string {
  const { clock, recorder } = platform.platform;
  const ids = { id: clock.newId(), requestId: clock.newId(), vmId: clock.newId() };
  const added = invocationRecord({ ...ids, functionId, invokedAt: clock.now(), ...fields });
  recorder.add(added);
  return added.requestId;
}

describe("firelet functions stats", () => {
  test("shows counts, latency and the steps in which something ran", async () => {
    const id = await create("counted");
    record(id, { durationMs: 1, coldStart: true });
    record(id, { durationMs: 250, status: "error" });
    const { code, stdout } = await cli(["functions", "stats", "counted"], { env });
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^Since .*\nInvocations +2\nSucceeded +1\nFailed +1\nTimed out +0\nCold starts +1\nMean +126 ms\nP50 +1\.00 ms\nP95 +250 ms\nP99 +250 ms\n\nFROM +TOTAL .*\n(.+\n){1,2}$/,
    );
  });

  test("takes a window, and has every step with --json", async () => {
    const id = await create("of-an-hour");
    record(id);
    const run = await cli(["functions", "stats", id, "--window", "1h", "--json"], { env });
    const item = JSON.parse(run.stdout) as { window: string; total: number; series: unknown[] };
    assert.deepEqual([item.window, item.total, item.series.length], ["1h", 1, 60]);
    assert.equal((await cli(["functions", "stats", id, "--window", "2h"], { env })).code, 2);
    assert.equal((await cli(["functions", "stats", "nobody"], { env })).code, 4);
  });

  test("shows no table where nothing ran", async () => {
    await create("silent");
    const { stdout } = await cli(["functions", "stats", "silent"], { env });
    assert.match(stdout, /\nInvocations +0\n[^]*\nP99 +-\n$/);
  });
});

describe("firelet functions logs", () => {
  test("has a flag for each filter", async () => {
    const id = await create("filtered");
    const vmId = platform.platform.clock.newId();
    const first = record(id, { coldStart: true, logs: ["Connecting"] });
    const second = record(id, { vmId, durationMs: 200, logs: ["refused"] });
    const found = async (...flags: readonly string[]) => {
      const run = await cli(["functions", "logs", id, "--json", ...flags], { env });
      assert.equal(run.code, 0, run.stderr);
      return (JSON.parse(run.stdout) as { request_id: string }[]).map(
        ({ request_id }) => request_id,
      );
    };
    assert.deepEqual(await found(), [second, first]);
    assert.deepEqual(await found("--request-id", first), [first]);
    assert.deepEqual(await found("--search", "connect"), [first]);
    assert.deepEqual(await found("--cold-start"), [first]);
    assert.deepEqual(await found("--no-cold-start"), [second]);
    assert.deepEqual(await found("--vm", vmId), [second]);
    assert.deepEqual(await found("--min-duration", "200"), [second]);
    assert.deepEqual(await found("--min-duration", "200", "--cold-start"), []);
    const refused = await cli(["functions", "logs", id, "--vm", "x"], { env });
    assert.deepEqual([refused.code, refused.stderr.includes('found "x"')], [1, true]);
  });

  test("follows a function that there is, and nothing that has been", async () => {
    const nobody = await cli(["functions", "logs", "nobody", "--follow"], { env });
    assert.equal(nobody.code, 4);
    for (const option of ["--limit", "--since"]) {
      const run = await cli(["functions", "logs", "x", "--follow", option, "3"], { env });
      assert.equal(run.code, 2);
      assert.match(run.stderr, /'--follow' cannot be used with option/);
    }
    const away = await cli(["functions", "logs", "x", "--follow", "--url", "http://127.0.0.1:9"]);
    assert.equal(away.code, 3);
  });
});
