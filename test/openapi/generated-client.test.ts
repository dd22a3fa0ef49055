import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { TestManager } from "../support/manager.ts";

const run = promisify(execFile);
const root = join(import.meta.dirname, "../..");
const program = (path: string) => join(root, "node_modules", path);
const fixture = join(root, "test/fixtures/generated-client/use-client.ts");

describe("a client that oazapfts generates from the manager's document", () => {
  let manager: TestManager;
  let folder: string;
  before(async () => {
    manager = await TestManager.start({ driver: "process" });
    // Where the packages of this project are found.
    await mkdir(join(root, ".firelet"), { recursive: true });
    folder = await mkdtemp(join(root, ".firelet/generated-client-"));
    await copyFile(fixture, join(folder, "use-client.ts"));
  });
  after(async () => {
    await manager.stop();
    await rm(folder, { recursive: true });
  });

  const node = async (...args: readonly string[]) => {
    const options = { cwd: folder, timeout: 60_000 };
    const { stdout } = await run(process.execPath, [...args], options).catch((error: unknown) => {
      // What a compiler finds is on its standard output.
      const { message, stdout: found = "" } = error as Error & { stdout?: string };
      throw new Error(`${message}\n${found}`);
    });
    return stdout;
  };

  it("compiles, and creates, polls, invokes, updates, lists and deletes", async () => {
    await node(program("oazapfts/dist/cli.js"), `${manager.url}/openapi.json`, "api.ts");
    assert.match(await readFile(join(folder, "api.ts"), "utf8"), /export type FunctionItem = /);
    // As strict as this project, but for what the generator's own types do not stand.
    const compilerOptions = { exactOptionalPropertyTypes: false };
    const base = join(root, "tsconfig.json");
    const config = { extends: base, compilerOptions, include: ["."], exclude: [] };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(config));
    await node(program("typescript/bin/tsc"), "-p", ".");
    const seen = JSON.parse(await node("--disable-warning=ExperimentalWarning", "use-client.ts"));
    const { vmNames, ...rest } = seen;
    assert.match(vmNames[0], /^fn-generated-[0-9a-f]{8}$/);
    assert.deepEqual(rest, {
      name: "generated",
      responses: [2, 20],
      revision: 2,
      listed: ["generated"],
      logged: [["seen"], ["seen"]],
      total: 2,
      revisions: [
        [2, true],
        [1, false],
      ],
      consoleType: "string",
      taken: "name_taken",
      deleted: "Function deleted",
      gone: "function_not_found",
    });
  });
});
