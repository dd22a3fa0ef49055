import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { hasPythonPackages } from "../../src/os/python-packages.ts";
import { TestManager } from "../support/manager.ts";
import { skipWithout } from "../support/test-tools.ts";

const run = promisify(execFile);
const packages = join(import.meta.dirname, "../../.firelet/schemathesis");
const installed = await hasPythonPackages(join(import.meta.dirname, "requirements.txt"), packages);

/** What it is told beside the document: a function and its VM to call, and what no schema can say. */
const config = (functionId: string, vmName: string) => `
seed = 1
# Every failure is worth a line, not only the first of an operation.
continue-on-failure = true

[generation]
max-examples = 15
database = "none"

[[operations]]
include-path-regex = "^/v1/functions/"
exclude-method = "DELETE"
parameters = { "path.id" = ["${functionId}", "hello"] }

[[operations]]
include-path-regex = "^/v1/vms/"
exclude-method = "DELETE"
parameters = { "path.id" = ["${vmName}"] }

# Streams of events go on for as long as somebody listens.
[[operations]]
include-path-regex = "/(events|stream)$"
request-timeout = 0.5
max-stream-events = 1

# What a policy or a runtime may be, and how fields limit each other, no schema says.
[[operations]]
include-operation-id = ["createFunction", "updateFunction", "rollbackFunction"]
checks.positive_data_acceptance.enabled = false
`;

const skip = skipWithout("schemathesis", installed);

describe("schemathesis, which calls a manager by its document", { skip }, () => {
  let manager: TestManager;
  let folder: string;
  before(async () => {
    manager = await TestManager.start({ driver: "process" });
    folder = await mkdtemp(join(tmpdir(), "firelet-schemathesis-"));
  });
  after(async () => {
    await manager.stop();
    await rm(folder, { recursive: true });
  });

  it("finds no answer that is not as the document says", async () => {
    const code = "async function handler(event) { return event; }";
    const kept = await manager.deploy({ name: "kept", runtime: "node", code, min_vms: 1 });
    const [vm] = await manager.client.listVms();
    await writeFile(join(folder, "schemathesis.toml"), config(kept.id, vm?.name ?? ""));
    const start = "from schemathesis.cli import schemathesis; schemathesis()";
    const args = ["-c", start, "run", `${manager.url}/openapi.json`, "--no-color"];
    const { stdout } = await run("python3", args, {
      cwd: folder,
      env: { ...process.env, PYTHONPATH: packages },
      timeout: 120_000,
      maxBuffer: 64 * 1024 * 1024,
    }).catch((error: unknown) => {
      const { message, stdout: found = "" } = error as Error & { stdout?: string };
      throw new Error(`${message}\n${found}`);
    });
    const [, operations] = /Tested: (\d+)/.exec(stdout) ?? [];
    const [, cases] = /(\d+) generated/.exec(stdout) ?? [];
    assert.ok(Number(operations) >= 18, stdout);
    assert.ok(Number(cases) >= 500, stdout);
  });
});
