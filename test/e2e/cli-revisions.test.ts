import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { startMemoryPlatform, type MemoryPlatform } from "../support/memory-platform.ts";
import { cli, type CliRun } from "./cli-harness.ts";

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
  platform.vms.loadWith = () => ({ loaded: true, logs: [] });
  for (const { id } of platform.platform.registry.list()) {
    await cli(["functions", "delete", id], { env });
  }
});

/** Deploys code that says `word`; what it answers is up to the VM. */
function deploy(word: string, ...options: string[]): Promise<CliRun> {
  const file = join(folder, "hello.x");
  writeFileSync(file, word);
  return cli(["deploy", file, ...options], { env });
}

/** Deploys code that its VM refuses. */
async function deployBad(word: string, ...options: string[]): Promise<void> {
  platform.vms.loadWith = () => ({ loaded: false, message: "bad\nat line 2", logs: [] });
  const run = await deploy(word, ...options);
  assert.equal(run.code, 1);
  platform.vms.loadWith = () => ({ loaded: true, logs: [] });
}

function functions(...args: string[]): Promise<CliRun> {
  return cli(["functions", ...args], { env });
}

async function shown(): Promise<Record<string, unknown>> {
  const run = await functions("get", "hello", "--json");
  return JSON.parse(run.stdout) as Record<string, unknown>;
}

describe("firelet functions revisions", () => {
  test("lists them newest first, with what became of each", async () => {
    await deploy("first");
    await deploy("second", "--memory", "512");
    await deployBad("third");
    const { stdout } = await functions("revisions", "hello");
    const lines = stdout.trimEnd().split("\n");
    assert.match(lines[0]!, /^REVISION +STATE +CREATED +HANDLER +VCPU +MEMORY +ERROR$/);
    assert.match(lines[1]!, /^3 +failed +\S+ \S+ +handler +1 +512 MiB +bad$/);
    assert.match(lines[2]!, /^2 +deployed +\S+ \S+ +handler +1 +512 MiB +-$/);
    assert.match(lines[3]!, /^1 +replaced +\S+ \S+ +handler +1 +256 MiB +-$/);
    assert.equal(lines.length, 4);
  });

  test("shows one that is on its way, and one that it overtook", async () => {
    await deploy("first");
    const gate = Promise.withResolvers<void>();
    platform.vms.loadWith = () => gate.promise.then(() => ({ loaded: true, logs: [] }));
    await deploy("second", "--no-wait");
    await deploy("third", "--no-wait");
    const { stdout } = await functions("revisions", "hello");
    gate.resolve();
    const states = stdout.split("\n").map((line) => line.split(/ +/, 2).join(" "));
    assert.deepEqual(states.slice(1, 4), ["3 deploying", "2 skipped", "1 deployed"]);
  });

  test("has code and environments with --json", async () => {
    await deploy("first", "--env", "A=1");
    await deploy("second");
    const { stdout } = await functions("revisions", "hello", "--json");
    const items = JSON.parse(stdout) as { code: string; env: object; deployed: boolean }[];
    assert.deepEqual(
      items.map(({ code, env: variables, deployed }) => [code, variables, deployed]),
      [
        ["second", { A: "1" }, true],
        ["first", { A: "1" }, false],
      ],
    );
  });

  test("of no function: 4", async () => {
    assert.equal((await functions("revisions", "nobody")).code, 4);
  });
});

describe("firelet functions rollback", () => {
  test("goes back to the one before, and waits until it serves", async () => {
    await deploy("first");
    await deploy("second", "--memory", "512");
    const run = await functions("rollback", "hello");
    assert.equal(run.code, 0, run.stderr);
    assert.equal(run.stdout, "hello is ready (revision 3, the same as revision 1)\n");
    const item = await shown();
    assert.deepEqual(
      [item["code"], item["memory_mb"], item["deployed_revision"]],
      ["first", 256, 3],
    );
  });

  test("goes back to any that is kept, and does nothing where it is there already", async () => {
    await deploy("first");
    await deploy("second");
    await deploy("third");
    const back = await functions("rollback", "hello", "--to", "1", "--json");
    assert.equal((JSON.parse(back.stdout) as { deployed_revision: number }).deployed_revision, 4);
    const again = await functions("rollback", "hello", "--to", "1");
    assert.equal(again.stdout, "hello serves what revision 1 has already (revision 4)\n");
    const on = await functions("rollback", "hello", "--to", "2", "--no-wait");
    assert.equal(on.stdout, "hello is being updated (revision 5, the same as revision 2)\n");
  });

  test("passes over revisions that never served or were the same", async () => {
    await deploy("first");
    await deploy("second");
    await deployBad("third");
    await deploy("fourth");
    await deploy("fourth");
    const run = await functions("rollback", "hello");
    assert.equal(run.stdout, "hello is ready (revision 6, the same as revision 2)\n");
  });

  test("says what there is where it cannot go back", async () => {
    await deploy("first");
    const first = await functions("rollback", "hello");
    assert.equal(first.code, 1);
    assert.match(first.stderr, /Cannot roll back "hello": of its revisions before 1, none/);
    const unknown = await functions("rollback", "hello", "--to", "7");
    assert.equal(unknown.code, 4);
    assert.match(unknown.stderr, /to revision 7: found revisions 1, want one of them/);
    await deployBad("never", "--name", "never");
    const never = await functions("rollback", "never");
    assert.equal(never.code, 1);
    assert.match(never.stderr, /Cannot roll back "never": it never served/);
    assert.equal((await functions("rollback", "hello", "--to", "one")).code, 2);
  });

  test("fails where the earlier revision does not load any more", async () => {
    await deploy("first");
    await deploy("second");
    platform.vms.loadWith = () => ({ loaded: false, message: "gone bad", logs: [] });
    const run = await functions("rollback", "hello");
    assert.equal(run.code, 1);
    assert.match(run.stderr, /Cannot deploy "hello": gone bad\nRevision 2 goes on serving/);
  });
});
