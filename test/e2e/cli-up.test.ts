import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { TestManager, temporaryData } from "../support/manager.ts";
import type { CliRun } from "./cli-harness.ts";

const root = join(import.meta.dirname, "../..");

/** Runs a command line in a process of its own. */
function firelet(args: readonly string[], url?: string): Promise<CliRun> {
  const main = join(root, "src/cli-main.ts");
  const env = { ...process.env, NO_COLOR: "1", ...(url ? { FIRELET_URL: url } : {}) };
  return new Promise((resolve) => {
    const argv = ["--disable-warning=ExperimentalWarning", main, ...args];
    const child = execFile(process.execPath, argv, { env, timeout: 60_000 }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

describe("firelet up beside another", () => {
  let manager: TestManager;
  let otherData: string;

  before(async () => {
    manager = await TestManager.start({ driver: "process" });
    otherData = await temporaryData();
  });
  after(async () => {
    await manager.stop();
    await rm(otherData, { recursive: true });
  });

  test("says who has the port and how to choose another", async () => {
    const { port } = new URL(manager.url);
    const args = ["up", "--driver", "process", "--port", port, "--data", otherData];
    const { code, stderr } = await firelet(args);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`^firelet: Cannot listen on 127\\.0\\.0\\.1:${port}: `));
    assert.match(stderr, new RegExp(`a Firelet manager runs there already, .*${manager.pid}\\)`));
    assert.match(stderr, /--port or FIRELET_PORT/);
  });

  test("tells a program that is no manager from one", async (t) => {
    const server = createServer((socket) => socket.end()).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    t.after(() => server.close());
    const port = String((server.address() as AddressInfo).port);
    const { stderr } = await firelet(["up", "--driver", "process", "--port", port]);
    assert.match(stderr, new RegExp(`the port is taken by .*\\(process ${process.pid}\\)`));
  });

  test("says which flag has no value that can be used", async () => {
    for (const flag of ["--data", "--firecracker-bin", "--jailer-bin"]) {
      const { code, stderr } = await firelet(["up", "--no-jailer", flag, " "]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, new RegExp(`Cannot use ${flag}: found " ", wanted a path`));
    }
  });

  test("does not take a data folder that is in use", async () => {
    const args = ["up", "--driver", "process", "--port", "0", "--data", manager.dataDir];
    const { code, stderr } = await firelet(args);
    assert.equal(code, 1);
    assert.match(stderr, /another one works on the data folder .*--data/);
  });

  test("refuses what it cannot use, before anything else", async () => {
    const host = await firelet(["up", "--host", "0.0.0.0"]);
    assert.equal(host.code, 2);
    assert.match(host.stderr, /^firelet: Cannot listen on "0\.0\.0\.0": /);
    const driver = await firelet(["up", "--driver", "docker", "--json"]);
    assert.equal(driver.code, 2);
    assert.equal((JSON.parse(driver.stdout) as { code: string }).code, "configuration");
  });
});

test("firelet up ends with 0 when it is told to, and says what happens", async () => {
  const manager = await TestManager.start({ driver: "process" });
  assert.equal(await manager.stop(), 0);
  assert.match(manager.output, /^Isolation +none: functions run as plain processes/m);
  assert.match(manager.output, /SIGTERM: letting running invocations finish/);
  assert.match(manager.output, /^Stopped$/m);
});

describe("examples", () => {
  let manager: TestManager;
  before(async () => {
    manager = await TestManager.start({ driver: "process" });
  });
  after(() => manager.stop());

  const answers: Record<string, [event: unknown, check: (response: unknown) => void]> = {
    "hello.js": [{ name: "World" }, hasMessage],
    "hello.py": [{ name: "World" }, hasMessage],
    "statistics.py": [
      { numbers: [1, 2, 3, 4] },
      (response) => assert.deepEqual(response, { sum: 10, avg: 2.5, max: 4, min: 1 }),
    ],
    "word-count.ts": [
      { text: "To be or not to be" },
      (response) => assert.deepEqual(response, { to: 2, be: 2, or: 1, not: 1 }),
    ],
  };

  for (const file of readdirSync(join(root, "examples"))) {
    test(`${file} can be deployed as it is`, async () => {
      const [event, check] = answers[file] ?? assert.fail(`No test knows examples/${file}`);
      const name = file.replace(".", "-");
      const path = join(root, "examples", file);
      const deployed = await firelet(["deploy", path, "--name", name], manager.url);
      assert.equal(deployed.code, 0, deployed.stderr);
      const json = JSON.stringify(event);
      const invoked = await firelet(["functions", "invoke", name, "--event", json], manager.url);
      assert.equal(invoked.code, 0, invoked.stderr);
      check(JSON.parse(invoked.stdout));
    });
  }
});

function hasMessage(response: unknown): void {
  assert.equal((response as { message: string }).message, "Hello, World!");
}
