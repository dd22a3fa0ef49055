import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import type { VmFiguresItem, VmItem } from "../../src/api/vms.ts";
import type { FakeTerminal } from "../support/fake-agents.ts";
import { startMemoryPlatform, type MemoryPlatform } from "../support/memory-platform.ts";
import { waitUntil } from "../support/wait-until.ts";
import { cli } from "./cli-harness.ts";

const folder = mkdtempSync(join(tmpdir(), "firelet-cli-"));
const hello = join(folder, "hello.x");
let platform: MemoryPlatform;
let env: { FIRELET_URL: string };
let vm: VmItem;

before(() => writeFileSync(hello, "async function handler() {}"));
after(() => rmSync(folder, { recursive: true }));

beforeEach(async () => {
  platform = await startMemoryPlatform();
  env = { FIRELET_URL: await platform.app.listen({ host: "127.0.0.1", port: 0 }) };
  await cli(["deploy", hello], { env });
  const { stdout } = await cli(["vms", "list", "--json"], { env });
  [vm] = JSON.parse(stdout) as [VmItem];
});
afterEach(() => platform.close());

describe("firelet vms metrics", () => {
  test("prints a line a second", async () => {
    const run = await cli(["vms", "metrics", vm.name, "--count", "2"], { env });
    assert.equal(run.code, 0, run.stderr);
    assert.match(
      run.stdout,
      /^ +TIME +CPU +MEMORY +NET IN +NET OUT +VMM CPU +VMM MEMORY\n([\d:]{8} +0\.0 % +50\.0 MiB .* 64\.0 MiB\n){2}$/,
    );
    assert.match(run.stdout, / - .*\n.* 0 bytes\/s /);
  });

  test("prints JSON lines, and what was kept", async () => {
    const run = await cli(["vms", "metrics", vm.name, "--count", "1", "--json"], { env });
    const figures = JSON.parse(run.stdout) as VmFiguresItem;
    assert.equal(figures.memory_used_bytes, 50 * 2 ** 20);
    const kept = await cli(["vms", "metrics", vm.name, "--history", "--json"], { env });
    assert.equal(kept.stdout, run.stdout);
    const { stdout } = await cli(["vms", "get", vm.name], { env });
    assert.match(stdout, /^Memory +50\.0 MiB$/m);
  });

  test("says why it ends", async () => {
    const { only } = platform.vms;
    const run = await cli(["vms", "metrics", vm.name], { env, onStdout: () => only.crash() });
    assert.equal(run.code, 1);
    assert.equal(run.stderr, `firelet: VM "${vm.name}" has gone\n`);
    assert.equal((await cli(["vms", "metrics", "absent"], { env })).code, 4);
  });
});

/** A terminal that a person types at. */
class Keyboard extends PassThrough {
  readonly isTTY = true;
  raw = false;
  setRawMode(raw: boolean): void {
    this.raw = raw;
  }
}

async function opened(): Promise<FakeTerminal> {
  await waitUntil("a terminal is open", () => platform.agents.agents[0]?.terminals.length === 1);
  const [terminal] = platform.agents.only.terminals;
  assert.ok(terminal);
  return terminal;
}

describe("firelet vms shell", () => {
  test("is logged in, and passes keys and output on as they are", async () => {
    const stdin = new Keyboard();
    let printed = "";
    const onStdout = (text: string) => void (printed += text);
    const running = cli(["vms", "shell", vm.name], { env, stdin, columns: 120, onStdout });
    const terminal = await opened();
    assert.equal(terminal.options.welcome, true);
    assert.deepEqual([terminal.size.columns, terminal.size.rows], [120, 24]);
    await waitUntil("keys are its own", () => stdin.raw);
    stdin.write("ls\r\u0003");
    await waitUntil("they were typed", () => terminal.typed === "ls\r\u0003");
    await terminal.options.onOutput(Buffer.from("\u001b[1mhello\u001b[0m"));
    await waitUntil("it was printed", () => printed === "\u001b[1mhello\u001b[0m");
    terminal.end(0);
    const run = await running;
    assert.equal(run.code, 0, run.stderr);
    assert.equal(run.stderr, `Connected to ${vm.name}; Ctrl-] leaves\n`);
    assert.equal(stdin.raw, false);
  });

  test("is left by Ctrl-], which hangs up", async () => {
    const stdin = new Keyboard();
    const running = cli(["vms", "shell", vm.name], { env, stdin });
    const terminal = await opened();
    stdin.write("sleep 9\u001d never");
    assert.equal((await running).code, 0);
    await waitUntil("it has hung up", () => terminal.closed);
    assert.doesNotMatch(terminal.typed, /never/);
    assert.equal(stdin.raw, false);
  });

  test("types what is piped into it, and then the end of that", async () => {
    const stdin = new PassThrough();
    const running = cli(["vms", "shell", vm.name], { env, stdin });
    stdin.end("uname\n");
    const terminal = await opened();
    await waitUntil("all was typed", () => terminal.typed === "uname\n\u0004");
    await terminal.options.onOutput(Buffer.from("Linux\r\n"));
    terminal.end(3);
    const run = await running;
    assert.deepEqual(
      [run.code, run.stdout, run.stderr],
      [1, "Linux\r\n", "The shell ended with status 3\n"],
    );
  });

  test("says why there is none, or no more", async () => {
    const running = cli(["vms", "shell", vm.name], { env });
    await opened();
    platform.vms.only.crash();
    const run = await running;
    assert.equal(run.code, 1);
    assert.match(run.stderr, /^firelet: The shell ended: VM "fn-hello-.*" has gone\n$/);
    const absent = await cli(["vms", "shell", "absent"], { env });
    assert.deepEqual([absent.code, absent.stderr], [4, 'firelet: VM not found: "absent"\n']);
  });
});
