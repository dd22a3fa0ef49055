import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { startMemoryPlatform, type MemoryPlatform } from "../support/memory-platform.ts";

const run = promisify(execFile);
const redocly = join(import.meta.dirname, "../../node_modules/@redocly/cli/bin/cli.js");

describe("Redocly's linter", () => {
  let memory: MemoryPlatform;
  let folder: string;
  before(async () => {
    memory = await startMemoryPlatform();
    folder = await mkdtemp(join(tmpdir(), "firelet-lint-"));
  });
  after(async () => {
    await memory.close();
    await rm(folder, { recursive: true });
  });

  /** Resolves to what it found; empty where that is nothing. */
  const lint = async (document: object): Promise<string> => {
    const file = join(folder, "openapi.json");
    await writeFile(file, JSON.stringify(document));
    const env = {
      ...process.env,
      REDOCLY_TELEMETRY: "off",
      REDOCLY_SUPPRESS_UPDATE_NOTICE: "true",
    };
    const skipped = [
      // A manager is on the caller's own machine.
      "no-server-example.com",
      // An upgrade to a WebSocket has no such answer.
      "operation-2xx-response",
    ];
    const rules = skipped.flatMap((rule) => ["--skip-rule", rule]);
    const args = [redocly, "lint", "--extends", "recommended-strict", ...rules, file];
    return run(process.execPath, args, { cwd: folder, env }).then(
      () => "",
      (error: { stdout: string; stderr: string }) => error.stdout + error.stderr,
    );
  };

  it("has nothing to say of the document, by its strictest rules", async () => {
    const document = (await memory.app.inject("/openapi.json")).json();
    assert.equal(await lint(document), "");
  });

  it("would find an operation without an id", async () => {
    const document = (await memory.app.inject("/openapi.json")).json();
    delete document.paths["/health"].get.operationId;
    assert.match(await lint(document), /operation-operationId/);
  });
});
