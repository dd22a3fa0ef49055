import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { findCgroups } from "../../src/drivers/shared/cgroup-host.ts";
import { TestManager } from "../support/manager.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Takes more than it is given, of what it is told to. */
const sources = {
  node: `const { spawn } = require("child_process");
const kept = [];
async function handler(event) {
  while (event.do === "memory") kept.push(Buffer.alloc(1 << 20, 1));
  if (event.do === "processes") for (let n = 0; n < 1200; n += 1) {
    const child = spawn("sleep", ["30"], { stdio: "ignore" });
    kept.push(child);
    await new Promise((resolve, reject) => child.once("spawn", resolve).once("error", reject));
  }
  return event.n ?? null;
}`,
  python: `import subprocess
kept = []
def handler(event):
    while event.get("do") == "memory":
        kept.append(b"x" * (1 << 20))
    if event.get("do") == "processes":
        for _ in range(1200):
            kept.append(subprocess.Popen(["sleep", "30"]))
    return event.get("n")
`,
} as const;

const { hierarchies, notes } = await findCgroups();
const held = hierarchies.flatMap(({ controllers }) => controllers);
const skip = held.includes("memory") && held.includes("pids") ? false : notes.join("; ");

describe("functions at their limits on the process driver", { skip }, () => {
  let manager: TestManager;
  before(async () => {
    manager = await TestManager.start({ driver: "process" });
  });
  after(() => manager.stop());

  for (const runtime of ["node", "python"] as const) {
    it(`ends a ${runtime} function that retains memory without end, and starts it anew`, async () => {
      const request = { name: `memory-${runtime}`, runtime, code: sources[runtime] };
      const { id, last_error } = await manager.deploy({ ...request, memory_mb: 128 });
      assert.equal(last_error, null);
      const first = await manager.client.invokeFunction(id, { n: 1 });
      const startMs = performance.now();
      const lost = manager.client.invokeFunction(id, { do: "memory" });
      await assert.rejects(lost, { status: 502, code: "vm_lost" });
      const tookMs = performance.now() - startMs;
      assert.ok(tookMs < 5_000, `it took ${tookMs} ms`);
      const next = await manager.client.invokeFunction(id, { n: 2 });
      assert.deepEqual([next.status, next.response], ["success", 2]);
      assert.notEqual(next.vm_id, first.vm_id);
      const words =
        "ended by SIGKILL: it needed more memory than the 192 MiB that the host gives it";
      await waitUntil("the log says why", () => manager.output.includes(words));
    });

    it(`refuses a ${runtime} function processes without end, as its own error`, async () => {
      const request = { name: `processes-${runtime}`, runtime, code: sources[runtime] };
      const { id } = await manager.deploy({ ...request, memory_mb: 1024 });
      const reply = await manager.client.invokeFunction(id, { do: "processes" });
      assert.equal(reply.status, "error");
      assert.match(reply.error ?? "", /EAGAIN|Resource temporarily unavailable/);
      const next = await manager.client.invokeFunction(id, { n: 2 });
      assert.deepEqual([next.response, next.vm_id], [2, reply.vm_id]);
      await manager.client.deleteFunction(id);
    });
  }
});
