import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, afterEach, before, describe, test } from "node:test";
import type { GuestReply } from "../../src/ports/runtime-client.ts";
import { startMemoryPlatform, type MemoryPlatform } from "../support/memory-platform.ts";
import { waitUntil } from "../support/wait-until.ts";
import { cli, type CliRun } from "./cli-harness.ts";

const main = join(import.meta.dirname, "../../src/cli-main.ts");
const folder = mkdtempSync(join(tmpdir(), "firelet-cli-"));
let platform: MemoryPlatform;
let env: { FIRELET_URL: string };

before(async () => {
  platform = await startMemoryPlatform();
  env = { FIRELET_URL: await platform.app.listen({ host: "127.0.0.1", port: 0 }) };
});

after(async () => {
  await platform.close();
  rmSync(folder, { recursive: true });
});

afterEach(async () => {
  platform.vms.bootWith = () => Promise.resolve();
  platform.vms.loadWith = () => ({ loaded: true, logs: [] });
  const names = JSON.parse((await cli(["functions", "list", "--json"], { env })).stdout) as {
    name: string;
  }[];
  if (names.length > 0) {
    await cli(["functions", "delete", ...names.map(({ name }) => name)], { env });
  }
});

function writeFunction(name: string, code = "async function handler() {}"): string {
  const path = join(folder, name);
  writeFileSync(path, code);
  return path;
}

function deployHello(): Promise<CliRun> {
  return cli(["deploy", writeFunction("hello.x")], { env });
}

/** Invokes `hello` and lets its VM answer so. */
async function invokeHello(args: readonly string[], reply: Partial<GuestReply>): Promise<CliRun> {
  const run = cli(["functions", "invoke", "hello", ...args], { env });
  await waitUntil("the invocation runs", () => platform.vms.only.running.length > 0);
  platform.vms.only.answer(platform.vms.only.running[0]!, reply);
  return run;
}

const failed: Partial<GuestReply> = {
  status: "error",
  logs: ["about to fail"],
  failure: { message: "no such\u001b[2J table", type: "DatabaseError", stack: "at handler.js:3" },
};

describe("firelet deploy", () => {
  test("creates a function named after its file and waits until it is ready", async () => {
    const run = await deployHello();
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stdout, /^hello is ready \(revision 1, .*\)\n.*functions invoke hello/);
    const item = await shown("hello");
    assert.deepEqual(
      [item["runtime"], item["handler"], item["state"]],
      ["node", "handler", "ready"],
    );
  });

  test("updates a function that there is, and leaves its other settings alone", async () => {
    await cli(["deploy", writeFunction("hello.x"), "--memory", "512"], { env });
    const run = await cli(["deploy", writeFunction("hello.x", "changed"), "--timeout", "5"], {
      env,
    });
    assert.match(run.stdout, /^hello is ready \(revision 2/);
    const item = await shown("hello");
    assert.deepEqual(
      [item["code"], item["memory_mb"], item["timeout_seconds"]],
      ["changed", 512, 5],
    );
  });

  test("makes a name of any file's", async () => {
    const run = await cli(["deploy", writeFunction("My Handler_2.x"), "--json"], { env });
    assert.equal((JSON.parse(run.stdout) as { name: string }).name, "my-handler-2");
    const refused = await cli(["deploy", writeFunction("42.x")], { env });
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /a name starts with a letter; choose one with --name/);
  });

  test("prints the guest's error where the code does not load", async () => {
    platform.vms.bootWith = () => Promise.resolve();
    platform.vms.loadWith = () => ({
      loaded: false,
      message: "SyntaxError: Unexpected token (handler.js:2)",
      logs: [],
    });
    const run = await deployHello();
    assert.equal(run.code, 1);
    assert.match(run.stderr, /Cannot deploy "hello": .*Unexpected token \(handler\.js:2\)/);
  });

  test("says which revision serves after a bad update", async () => {
    await deployHello();
    platform.vms.bootWith = () => Promise.resolve();
    platform.vms.loadWith = () => ({ loaded: false, message: "bad", logs: [] });
    const run = await deployHello();
    assert.equal(run.code, 1);
    assert.match(run.stderr, /Revision 1 goes on serving/);
  });

  test("lists the runtimes where none takes the file", async () => {
    const run = await cli(["deploy", writeFunction("hello.rb")], { env });
    assert.equal(run.code, 2);
    assert.match(
      run.stderr,
      /no runtime takes "\.rb" files.*--runtime: node \(\.x\), python \(\.x\)/,
    );
  });

  test("keeps a function's runtime", async () => {
    await deployHello();
    const run = await cli(["deploy", writeFunction("hello.x"), "--runtime", "python"], { env });
    assert.equal(run.code, 1);
    assert.match(run.stderr, /function "hello" has runtime node, and the file python/);
  });

  test("shows the states it went through where nobody watches", async () => {
    const gate = Promise.withResolvers<void>();
    platform.vms.bootWith = () => gate.promise;
    const file = writeFunction("hello.x");
    const { stderr } = await cli(["deploy", file], { env, onStderr: () => gate.resolve() });
    assert.match(stderr, /^(hello: (creating|booting|deploying)\n)+$/);
  });
});

describe("firelet functions invoke", () => {
  test("prints the response, and the logs beside it", async () => {
    await deployHello();
    const run = await invokeHello([], { response: { message: "Hi" }, logs: ["one", "two"] });
    assert.deepEqual(run, { code: 0, stdout: '{\n  "message": "Hi"\n}\n', stderr: "one\ntwo\n" });
  });

  test("fails with what the function threw, unable to play with the terminal", async () => {
    await deployHello();
    const run = await invokeHello(["--event", "null"], failed);
    assert.equal(run.code, 1);
    assert.equal(run.stdout, "");
    assert.match(run.stderr, /^about to fail\nDatabaseError: no such.* table\nat handler\.js:3\n$/);
  });

  test("prints the whole answer with --json, and fails all the same", async () => {
    await deployHello();
    const run = await invokeHello(["--json"], failed);
    assert.equal(run.code, 1);
    const answer = JSON.parse(run.stdout) as Record<string, unknown>;
    assert.deepEqual(
      [answer["status"], answer["error_type"], answer["logs"]],
      ["error", "DatabaseError", ["about to fail"]],
    );
  });

  test("takes the event from a file", async () => {
    await deployHello();
    const file = writeFunction("event.json", "[1, 2]");
    await invokeHello(["--event-file", file], { response: 1 });
    const [entry] = await logs();
    assert.equal(entry?.event, "[1,2]");
  });

  test("takes the event from standard input, in a process of its own", async () => {
    await deployHello();
    const child = spawn(process.execPath, [main, "functions", "invoke", "hello", "-"], {
      env,
      stdio: ["pipe", "pipe", "ignore"],
    });
    child.stdin.end('{"from": "stdin"}');
    const said = text(child.stdout);
    const ended = new Promise((resolve) => child.once("exit", resolve));
    await waitUntil("the invocation runs", () => platform.vms.only.running.length > 0, 10_000);
    platform.vms.only.answer(platform.vms.only.running[0]!, { ...failed, logs: [] });
    assert.equal(await ended, 1);
    assert.equal(await said, "");
    const [entry] = await logs();
    assert.equal(entry?.event, '{"from":"stdin"}');
  });

  for (const [what, args] of [
    ["an event that is no JSON", ["--event", "{name}"]],
    ["two events", ["--event", "1", "-"]],
    ["a word that is no event", ["name=World"]],
    ["a file that is not there", ["--event-file", "/nowhere.json"]],
  ] as const) {
    test(`refuses ${what}`, async () => {
      const run = await cli(["functions", "invoke", "hello", ...args], { env });
      assert.equal(run.code, 2);
      assert.match(run.stderr, /^firelet: Cannot (use|read) /);
    });
  }
});

describe("firelet functions", () => {
  test("create prints the id, update changes, get shows, list finds, delete removes", async () => {
    const file = writeFunction("f.x");
    const created = await cli(
      [
        "functions",
        "create",
        "f",
        "--runtime",
        "node",
        "--file",
        file,
        "--env",
        "A=1",
        "--env",
        "B=x=y",
        "--wait",
      ],
      { env },
    );
    const id = created.stdout.trim();
    assert.match(id, /^[0-9a-f-]{36}$/);
    const updated = await cli(["functions", "update", "f", "--max-vms", "3", "--json"], { env });
    assert.equal((JSON.parse(updated.stdout) as { max_vms: number }).max_vms, 3);
    const item = await shown(id);
    assert.deepEqual([item["id"], item["env"]], [id, { A: "1", B: "x=y" }]);
    const list = await cli(["functions", "list"], { env });
    assert.match(list.stdout, /^NAME .*STATE .*ID\nf +node +ready +1 /);
    const deleted = await cli(["functions", "delete", "f"], { env });
    assert.equal(deleted.stdout, "Function deleted: f\n");
    const gone = await cli(["functions", "get", "f"], { env });
    assert.equal(gone.code, 4);
  });

  test("get --code prints the code and nothing else", async () => {
    await deployHello();
    const run = await cli(["functions", "get", "hello", "--code"], { env });
    assert.equal(run.stdout, "async function handler() {}");
  });

  test("update without a change is a usage error", async () => {
    const run = await cli(["functions", "update", "hello"], { env });
    assert.equal(run.code, 2);
  });

  test("logs shows invocations with their lines, the newest last", async () => {
    await deployHello();
    await invokeHello([], { response: 1, logs: ["a line"], durationMs: 12 });
    await invokeHello([], failed);
    await waitUntil("both are recorded", async () => (await logs()).length === 2);
    const { stdout } = await cli(["functions", "logs", "hello"], { env });
    const lines = stdout.trimEnd().split("\n");
    assert.match(lines[0]!, /^TIME +STATUS +DURATION +START +REQUEST ID$/);
    assert.match(lines[1]!, /success +12 ms +(cold|warm) +[0-9a-f-]{36}$/);
    assert.equal(lines[2], "  a line");
    assert.match(lines[3]!, / error /);
    assert.deepEqual(lines.slice(4), [
      "  about to fail",
      `  DatabaseError: ${failed.failure!.message}`,
      "  at handler.js:3",
    ]);
    const errors = await cli(["functions", "logs", "hello", "--status", "error"], { env });
    assert.doesNotMatch(errors.stdout, /success/);
    const one = await cli(["functions", "logs", "hello", "--limit", "1"], { env });
    assert.match(one.stderr, /1 of 2; --limit and --offset show others/);
  });

  test("list leaves out and cuts columns where the terminal is narrow", async () => {
    await deployHello();
    const { stdout } = await cli(["functions", "list"], {
      env: { ...env, NO_COLOR: "1" },
      columns: 60,
    });
    for (const line of stdout.trimEnd().split("\n")) {
      assert.ok(line.length <= 60, line);
    }
    assert.match(stdout, /^NAME +RUNTIME/);
    assert.doesNotMatch(stdout, /ID$/m);
  });
});

describe("firelet vms", () => {
  test("list, get and delete work by name", async () => {
    await deployHello();
    const list = await cli(["vms", "list", "--json"], { env });
    const [vm] = JSON.parse(list.stdout) as { id: string; name: string }[];
    assert.match(vm!.name, /^fn-hello-/);
    const table = await cli(["vms", "list"], { env });
    assert.match(table.stdout, /^NAME .*\nfn-hello-\w+ +running +process\/none +none /);
    const got = await cli(["vms", "get", vm!.name], { env });
    assert.match(got.stdout, new RegExp(`^Id +${vm!.id}$`, "m"));
    assert.equal((await cli(["vms", "delete", vm!.name], { env })).code, 0);
    assert.equal((await cli(["vms", "get", vm!.name], { env })).code, 4);
  });
});

describe("firelet runtimes", () => {
  test("lists them, and prints a template", async () => {
    const list = await cli(["runtimes"], { env });
    assert.match(list.stdout, /^NAME .*\nnode +node 1\.0 +\.x +-/);
    assert.equal((await cli(["runtimes", "--template", "node"], { env })).stdout, "template");
    assert.equal((await cli(["runtimes", "--template", "cobol"], { env })).code, 2);
  });
});

describe("firelet tells errors apart", () => {
  test("no manager: 3", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const url = `http://127.0.0.1:${port}`;
    const run = await cli(["functions", "list", "--url", url]);
    assert.equal(run.code, 3);
    assert.equal(
      run.stderr,
      `firelet: No manager answers at ${url}: start one with \`firelet up\`\n`,
    );
  });

  test("what the manager refuses: 1, with its message", async () => {
    const run = await cli(
      ["functions", "create", "Bad_Name", "--runtime", "node", "--file", writeFunction("b.x")],
      { env },
    );
    assert.equal(run.code, 1);
    assert.match(run.stderr, /^firelet: .*name/);
  });

  test("as JSON on standard output with --json", async () => {
    const run = await cli(["functions", "get", "nobody", "--json"], { env });
    const error = JSON.parse(run.stdout) as Record<string, string>;
    assert.equal(error["code"], "function_not_found");
    assert.ok(error["error"]);
    assert.ok(error["request_id"]);
    const usage = await cli(["functions", "get", "--json"], { env });
    assert.equal((JSON.parse(usage.stdout) as Record<string, string>)["code"], "usage");
    assert.equal(usage.code, 2);
  });

  test("a word it does not know: 2, naming the nearest", async () => {
    const run = await cli(["functions", "lst"]);
    assert.equal(run.code, 2);
    assert.match(run.stderr, /unknown command 'lst'[^]*Did you mean list/);
    assert.equal((await cli(["functions", "list", "--limt", "3"])).code, 2);
    assert.equal((await cli(["functions", "list", "--limit", "three"])).code, 2);
  });
});

describe("firelet complete", () => {
  test("suggests commands, options and the names of functions", async () => {
    await deployHello();
    assert.match(await runProcess("complete", "--", "func"), /^functions\t/m);
    assert.match(await runProcess("complete", "--", "functions", "invoke", ""), /^hello\t$/m);
    assert.match(await runProcess("complete", "--", "functions", "logs", "--"), /^--limit\t/m);
    assert.match(await runProcess("complete", "--", "functions", "ro"), /^rollback\t/m);
    assert.match(await runProcess("complete", "--", "vms", "ne"), /^network\t/m);
    assert.match(await runProcess("complete", "--", "deploy", "--eg"), /^--egress\t/m);
    assert.match(await runProcess("complete", "--", "functions", "rollback", ""), /^hello\t$/m);
  });

  for (const shell of ["bash", "zsh", "fish"]) {
    test(`has a script for ${shell}`, async () => {
      assert.match(await runProcess("completion", shell), /firelet complete --/);
    });
  }
});

/** What a command line in a process of its own prints. */
function runProcess(...args: string[]): Promise<string> {
  return text(spawn(process.execPath, [main, ...args], { env }).stdout);
}

async function shown(id: string): Promise<Record<string, unknown>> {
  const run = await cli(["functions", "get", id, "--json"], { env });
  return JSON.parse(run.stdout) as Record<string, unknown>;
}

async function logs(): Promise<{ event: string }[]> {
  const run = await cli(["functions", "logs", "hello", "--json"], { env });
  return JSON.parse(run.stdout) as { event: string }[];
}
