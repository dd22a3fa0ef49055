import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { temporaryData, TestManager } from "../support/manager.ts";
import { waitUntil } from "../support/wait-until.ts";

const main = join(import.meta.dirname, "../../src/cli-main.ts");
const code = `async function handler(event) {
  console.log("hello " + event.n);
  console.log("twice");
  if (event.fail) throw new TypeError("no\\nluck");
}`;

describe("following a real manager", () => {
  let dataDir: string;
  let manager: TestManager;
  let following: ChildProcess;
  /** From its start on: it may end before a test asks. */
  let ended: Promise<unknown[]>;
  let stdout: string;
  let stderr: string;
  before(async () => {
    dataDir = await temporaryData();
    manager = await TestManager.start({ driver: "process", dataDir });
    await manager.deploy({ name: "followed", runtime: "node", code });
  });
  afterEach(() => following.kill("SIGKILL"));
  after(async () => {
    await manager.stop();
    await rm(dataDir, { recursive: true });
  });

  /** Runs a command that goes on, and waits until the manager has taken it. */
  async function start(...args: readonly string[]): Promise<void> {
    [stdout, stderr] = ["", ""];
    following = spawn(process.execPath, [main, ...args, "--url", manager.url]);
    ended = once(following, "exit");
    following.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    following.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    await waitUntil("it follows", () => stderr.includes("Ctrl-C"), 10_000);
  }

  const invoke = async (event: object) =>
    (await manager.client.invokeFunction("followed", event)).request_id;

  /** The same manager on the same port. */
  async function restart(end: () => Promise<unknown>): Promise<void> {
    const port = Number(new URL(manager.url).port);
    await end();
    manager = await TestManager.start({ driver: "process", dataDir, port });
  }

  it("prints every line with its request id, over a killed and a stopped manager, until Ctrl-C", async () => {
    await start("functions", "logs", "followed", "--follow");
    const first = await invoke({ n: 1 });
    await waitUntil("the first", () => stdout.includes("success in"));
    const lines = stdout.trimEnd().split("\n");
    const [time] = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d /.exec(stdout) ?? ["no time"];
    assert.deepEqual(
      lines.map((line) => line.replace(/\d+ ms/, "N ms").replace(", cold start", "")),
      ["hello 1", "twice", "success in N ms"].map((line) => `${time}${first} ${line}`),
    );
    await restart(() => manager.kill());
    const second = await invoke({ n: 2 });
    await waitUntil("the second", () => stdout.includes(`${second} hello 2`), 10_000);
    await restart(() => manager.stop());
    const third = await invoke({ n: 3, fail: true });
    await waitUntil("the third", () => stdout.includes("error in"), 10_000);
    assert.match(
      stdout,
      new RegExp(
        `${third} TypeError: no\n.*${third} luck\n.*${third}     at handler .*\n.*${third} error in`,
      ),
    );
    for (const n of [1, 2, 3]) assert.equal(stdout.split(`hello ${n}`).length, 2);
    assert.match(stderr, /Lost the manager; waiting for it\nThe manager is back\nLost/);
    following.kill("SIGINT");
    assert.deepEqual(await ended, [0, null]);
  });

  it("prints an object a line with --json, filters, and ends with the function", async () => {
    await manager.deploy({ name: "gone", runtime: "node", code });
    await start("functions", "logs", "gone", "--follow", "--json", "--status", "error");
    for (const fail of [true, false, true]) await manager.client.invokeFunction("gone", { fail });
    await waitUntil("both", () => stdout.split("\n").length === 3);
    await manager.client.deleteFunction("gone");
    assert.deepEqual(await ended, [0, null]);
    const items = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { status: string });
    assert.deepEqual(
      items.map(({ status }) => status),
      ["error", "error"],
    );
    assert.match(stderr, /Function "gone" was deleted/);
  });

  it("shows what becomes of functions and VMs, and that a restart may have hidden some", async () => {
    await start("events", "--function", "followed");
    await manager.client.updateFunction("followed", { timeout_seconds: 9 });
    await waitUntil("the update", () =>
      stdout.includes("function followed updated, revision 1, ready"),
    );
    await restart(() => manager.kill());
    await waitUntil("it is back", () => stderr.includes("missed"), 10_000);
    await invoke({});
    await waitUntil("a VM runs", () => /vm fn-followed-\w+ standby → running/.test(stdout));
    following.kill("SIGINT");
    assert.deepEqual(await ended, [0, null]);
    await start("events", "--json");
    await manager.client.updateFunction("followed", { timeout_seconds: 8 });
    await waitUntil("the update", () => stdout.endsWith("\n"));
    const { event, change, function_name } = JSON.parse(stdout) as Record<string, string>;
    assert.deepEqual([event, change, function_name], ["function", "updated", "followed"]);
  });
});
