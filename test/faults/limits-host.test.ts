import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, describe, it } from "node:test";

import { findCgroups, membersOf } from "../../src/drivers/shared/cgroup-host.ts";
import type { VmLimits } from "../../src/drivers/shared/cgroup-limits.ts";
import { type VmCgroup, VmCgroups } from "../../src/drivers/shared/cgroup.ts";
import { isRunning } from "../support/is-running.ts";
import { waitUntil } from "../support/wait-until.ts";

const host = await findCgroups();
const has = (controller: "memory" | "cpu" | "pids") =>
  host.hierarchies.some(({ controllers }) => controllers.includes(controller))
    ? {}
    : { skip: host.notes.join("; ") };

const limits: VmLimits = { memoryMib: 64, vcpus: 1, cpus: 0.25, pids: 40 };

/** Waits for a line on its standard input, so that it is in its group before it does anything. */
const programs = {
  takesMemory: "read go; x=0123456789abcdef; while true; do x=$x$x; done",
  startsProcesses: "read go; n=0; while sleep 30 & do n=$((n + 1)); done",
  keepsBusy: "read go; while true; do :; done",
  startsOne: "read go; setsid sleep 60 & wait",
} as const;

describe("the host's control groups", () => {
  const dataDir = join(tmpdir(), randomUUID());
  const folder = mkdtemp(join(tmpdir(), "firelet-limits-"));
  const cgroups = new VmCgroups({ dataDir });
  const groups: VmCgroup[] = [];
  const children: ChildProcess[] = [];

  afterEach(async () => {
    for (const group of groups.splice(0)) await group.remove();
    for (const child of children.splice(0)) child.kill("SIGKILL");
  });
  after(async () => rm(await folder, { recursive: true }));

  const start = async (name: keyof typeof programs) => {
    const record = join(await folder, randomUUID());
    const vmId = randomUUID();
    const group = cgroups.create(vmId, limits, record);
    groups.push(group);
    const child = spawn("/bin/sh", ["-c", programs[name]], { stdio: ["pipe", "ignore", "pipe"] });
    children.push(child);
    const exited = once(child, "exit");
    await group.add(Number(child.pid));
    child.stdin.end("go\n");
    return { vmId, record, group, child, exited };
  };

  it("end a process that takes more memory than it has, and say so", has("memory"), async () => {
    const { group, exited } = await start("takesMemory");
    assert.deepEqual(await exited, [null, "SIGKILL"]);
    assert.equal(
      await group.whatEnded(),
      "it needed more memory than the 64 MiB that the host gives it",
    );
  });

  it("let a process start no more than its number", has("pids"), async () => {
    const { group, child } = await start("startsProcesses");
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    await waitUntil("it is refused another process", () => /fork/i.test(said));
    const members = await membersOf(await folderOf(group, "pids.max"));
    assert.ok(members.length <= limits.pids, `${members.length} processes`);
    assert.equal(await group.whatEnded(), "");
  });

  it("slow a process down to its share of the processors", has("cpu"), async () => {
    const { group } = await start("keepsBusy");
    const stat = join(await folderOf(group, "cpu.stat"), "cpu.stat");
    await waitUntil("it is slowed down", async () =>
      /^nr_throttled [1-9]/m.test(await readFile(stat, "utf8")),
    );
  });

  it(
    "go with all that is in them, also when a later manager removes them",
    has("pids"),
    async () => {
      const { vmId, record, group, exited } = await start("startsOne");
      const pids = await folderOf(group, "pids.max");
      await waitUntil("both run", async () => (await membersOf(pids)).length === 2);
      const members = await membersOf(pids);
      await new VmCgroups({ dataDir }).removeStray(vmId, record);
      assert.deepEqual(await exited, [null, "SIGKILL"]);
      for (const pid of members) await waitUntil(`${pid} has ended`, () => !isRunning(pid));
      assert.deepEqual((await group.folders).filter(existsSync), []);
    },
  );

  it("leave nothing when the last VM has gone", has("memory"), async () => {
    const { group } = await start("startsOne");
    await group.remove();
    const { hierarchies } = await findCgroups();
    const left = hierarchies.filter((one) => existsSync(join(one.folder, cgroups.name)));
    assert.deepEqual(left, []);
  });
});

async function folderOf(group: VmCgroup, file: string): Promise<string> {
  const folders = await group.folders;
  return folders.find((one) => existsSync(join(one, file))) ?? assert.fail(`no ${file}`);
}
