import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";

import { findCgroups, type CgroupViewer } from "./cgroup-host.ts";
import { qemuLimits, type VmLimits } from "./cgroup-limits.ts";
import { VmCgroups } from "./cgroup.ts";

const limits: VmLimits = { memoryMib: 300, vcpus: 2, cpus: 2.5, pids: 98 };

let top = "";
let viewer: CgroupViewer;
const children: ChildProcess[] = [];

beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), "firelet-cgroup-"));
  viewer = { proc: join(top, "proc"), pid: process.pid };
  await mkdir(viewer.proc);
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(top, { recursive: true });
});

/** Gives the viewer the groups `own`, as /proc/self/cgroup lists them, and mounts, as mountinfo does. */
async function see(own: readonly string[], mounts: readonly string[]): Promise<void> {
  await writeFile(join(viewer.proc, "cgroup"), own.map((line) => `${line}\n`).join(""));
  const lines = mounts.map((mount, index) => `${30 + index} 23 0:${28 + index} ${mount}\n`);
  await writeFile(join(viewer.proc, "mountinfo"), lines.join(""));
}

/** A host with hierarchies of version 1, as old kernels and some virtual machines have them. */
async function versionOne(): Promise<void> {
  for (const path of ["memory/sys tem/manager", "cpu", "pids/a"]) {
    await mkdir(join(top, path), { recursive: true });
  }
  await see(
    ["9:name=systemd:/", "8:pids:/a", "4:memory:/sys tem/manager", "2:cpu,cpuacct:/", "0::/"],
    [
      `/ ${top}/memory rw - cgroup cgroup rw,memory`,
      `/ ${top}/cpu rw,relatime shared:7 - cgroup cgroup rw,cpu,cpuacct`,
      // A container sees its own part alone.
      `/a ${top}/pids/a rw - cgroup cgroup rw,pids`,
      `/ ${top}/unified rw - cgroup2 cgroup2 rw`,
    ],
  );
}

/** A host with version 2, where the manager is alone in a service's group. */
async function versionTwo(controllers = "cpuset cpu memory pids", members = [process.pid]) {
  const own = join(top, "system.slice/firelet.service");
  await mkdir(own, { recursive: true });
  await writeFile(join(own, "cgroup.controllers"), `${controllers}\n`);
  await writeFile(join(own, "cgroup.procs"), members.map((pid) => `${pid}\n`).join(""));
  await writeFile(join(own, "cgroup.type"), "domain\n");
  await writeFile(join(own, "cgroup.subtree_control"), "");
  await see(["0::/system.slice/firelet.service"], [`/ ${top} rw - cgroup2 cgroup2 rw,nsdelegate`]);
  return own;
}

/** Removes a group as the kernel does, which does not count its files, and refuses others. */
async function removeGroup(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  if (entries.some((entry) => entry.isDirectory())) {
    throw Object.assign(new Error(`EBUSY: ${folder}`), { code: "EBUSY" });
  }
  await rm(folder, { recursive: true });
}

/** The note for a viewer that can make no group at all. */
async function noteFor(own: readonly string[], mounts: readonly string[]): Promise<string> {
  await see(own, mounts);
  const { hierarchies, notes } = await findCgroups(viewer);
  assert.deepEqual(hierarchies, []);
  return notes.join("; ");
}

const newCgroups = (dataDir = "/data") => new VmCgroups({ dataDir, viewer, removeGroup });
const read = async (...path: string[]) => (await readFile(join(...path), "utf8")).trim();

async function startSleep() {
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  children.push(child);
  await once(child, "spawn");
  return { pid: Number(child.pid), exit: once(child, "exit") };
}

describe("findCgroups", () => {
  it("finds a place for each controller of version 1 below the manager's own group", async () => {
    await versionOne();
    assert.deepEqual(await findCgroups(viewer), {
      hierarchies: [
        { version: 1, folder: join(top, "memory/sys tem/manager"), controllers: ["memory"] },
        { version: 1, folder: join(top, "cpu"), controllers: ["cpu"] },
        { version: 1, folder: join(top, "pids/a"), controllers: ["pids"] },
      ],
      notes: [],
    });
  });

  it("finds the one place of version 2", async () => {
    const folder = await versionTwo();
    assert.deepEqual(await findCgroups(viewer), {
      hierarchies: [{ version: 2, folder, controllers: ["memory", "cpu", "pids"] }],
      notes: [],
    });
  });

  it("finds it above the group that the manager has gone into", async () => {
    const folder = await versionTwo();
    await see(
      ["0::/system.slice/firelet.service/firelet-manager"],
      [`/ ${top} rw - cgroup2 cgroup2 rw`],
    );
    await writeFile(join(folder, "cgroup.procs"), "");
    const { hierarchies } = await findCgroups(viewer);
    assert.deepEqual(
      hierarchies.map((one) => one.folder),
      [folder],
    );
  });

  it("says which controller a group of version 2 was not given", async () => {
    const folder = await versionTwo("memory pids");
    const { hierarchies, notes } = await findCgroups(viewer);
    assert.deepEqual(hierarchies[0]?.controllers, ["memory", "pids"]);
    assert.deepEqual(notes, [
      `The host holds VMs to no limit of processor time: the cgroup ${folder} was not given the controller "cpu"`,
    ]);
  });

  it("does not divide a group of version 2 that others are in, and says what would help", async () => {
    const folder = await versionTwo(undefined, [process.pid, process.ppid]);
    const { hierarchies, notes } = await findCgroups(viewer);
    assert.deepEqual(hierarchies, []);
    assert.equal(notes.length, 1);
    assert.match(notes[0] ?? "", /^The host holds VMs to no limit of memory, processor time, the /);
    assert.ok(
      notes[0]?.includes(`shares the cgroup ${folder} with other processes (${process.ppid})`),
    );
    assert.match(notes[0] ?? "", /Delegate=yes/);
  });

  it("says so where there are no cgroups, none mounted, or none of the manager's", async () => {
    assert.match(await noteFor([], []), /: its kernel has no cgroups$/);
    assert.match(await noteFor(["0::/"], []), /: cgroups are not mounted$/);
    const elsewhere = `/docker/other ${top} rw - cgroup2 cgroup2 rw`;
    assert.match(
      await noteFor(["0::/docker/mine"], [elsewhere]),
      /: the manager's cgroup \/docker\/mine is outside of what is mounted$/,
    );
    const gone = `/ ${top}/gone rw - cgroup cgroup rw,memory`;
    assert.match(await noteFor(["4:memory:/"], [gone]), /limit of memory: .*\/gone is not there/);
  });
});

describe("VmCgroups", () => {
  it("sets every limit of version 1, then takes the process in, and removes all of it", async () => {
    await versionOne();
    const cgroups = newCgroups();
    const group = cgroups.create("vm-1", limits, join(top, "record"));
    const folders = ["memory/sys tem/manager", "cpu", "pids/a"].map((path) =>
      join(top, path, cgroups.name, "vm-1"),
    );
    assert.deepEqual(await group.folders, folders);
    const [memory = "", cpu = "", pids = ""] = folders;
    assert.equal(await read(memory, "memory.limit_in_bytes"), String(300 * 2 ** 20));
    assert.equal(await read(memory, "memory.memsw.limit_in_bytes"), String(300 * 2 ** 20));
    assert.equal(await read(cpu, "cpu.shares"), "2048");
    assert.equal(await read(cpu, "cpu.cfs_quota_us"), "250000");
    assert.equal(await read(pids, "pids.max"), "98");
    const { pid, exit } = await startSleep();
    await group.add(pid);
    for (const folder of folders) assert.equal(await read(folder, "cgroup.procs"), String(pid));
    await group.remove();
    assert.deepEqual(await exit, [null, "SIGKILL"]);
    for (const path of ["memory/sys tem/manager", "cpu", "pids/a"]) {
      assert.deepEqual(await readdir(join(top, path)), []);
    }
    await group.remove();
  });

  it("leaves the divided group of version 2, and hands its controllers down", async () => {
    const own = await versionTwo();
    const cgroups = newCgroups();
    const group = cgroups.create("vm-1", limits, join(top, "record"));
    await group.folders;
    const all = join(own, cgroups.name);
    assert.equal(await read(own, "firelet-manager/cgroup.procs"), String(process.pid));
    for (const folder of [own, all]) {
      assert.equal(await read(folder, "cgroup.subtree_control"), "+memory +cpu +pids");
    }
    const [folder = ""] = await group.folders;
    assert.equal(folder, join(all, "vm-1"));
    const found = ["memory.max", "memory.swap.max", "memory.oom.group", "cpu.max", "cpu.weight"];
    const values = await Promise.all([...found, "pids.max"].map((file) => read(folder, file)));
    assert.deepEqual(values, ["314572800", "0", "1", "250000 100000", "200", "98"]);
    await group.remove();
    assert.equal(existsSync(all), false);
  });

  it("keeps the group of all while another VM is in it", async () => {
    const own = await versionTwo();
    const cgroups = newCgroups();
    const first = cgroups.create("vm-1", limits, join(top, "1"));
    const second = cgroups.create("vm-2", limits, join(top, "2"));
    await Promise.all([first.folders, second.folders]);
    await first.remove();
    assert.ok(existsSync(join(own, cgroups.name, "vm-2", "memory.max")));
    await second.remove();
    assert.equal(existsSync(join(own, cgroups.name)), false);
  });

  it("says in words that the kernel ended a process for want of memory", async () => {
    await versionTwo();
    const group = newCgroups().create("vm-1", Promise.resolve(limits), join(top, "record"));
    const [folder = ""] = await group.folders;
    assert.equal(await group.whatEnded(), "");
    const events = join(folder, "memory.events");
    await writeFile(events, "low 0\nhigh 0\nmax 12\noom 0\noom_kill 0\n");
    assert.equal(await group.whatEnded(), "");
    await writeFile(events, "low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\n");
    assert.match(await group.whatEnded(), /needed more memory than the 300 MiB/);
  });

  it("ends and removes what an earlier manager left, by its record, and nothing else", async () => {
    await versionTwo();
    const record = join(top, "record");
    const left = newCgroups().create("vm-1", limits, record);
    const [folder = ""] = await left.folders;
    const { pid, exit } = await startSleep();
    await left.add(pid);
    const bystander = await startSleep();
    const foreign = join(top, "foreign", "vm-1");
    await mkdir(foreign, { recursive: true });
    await writeFile(join(foreign, "cgroup.procs"), String(bystander.pid));
    await writeFile(record, JSON.stringify([folder, foreign]));
    // Another manager's data folder has other groups.
    await newCgroups("/elsewhere").removeStray("vm-1", record);
    await newCgroups().removeStray("vm-2", record);
    assert.ok(existsSync(folder));
    // Whatever group the later manager is in.
    await see(["0::/"], []);
    await newCgroups().removeStray("vm-1", record);
    assert.deepEqual(await exit, [null, "SIGKILL"]);
    assert.equal(existsSync(folder), false);
    assert.ok(existsSync(foreign));
    process.kill(bystander.pid, 0);
    await newCgroups().removeStray("vm-1", join(top, "absent"));
  });

  it("runs VMs without groups where the host allows none", async () => {
    await see([], []);
    const group = newCgroups().create("vm-1", limits, join(top, "record"));
    await group.add(process.pid);
    assert.deepEqual([await group.folders, await group.whatEnded()], [[], ""]);
    await group.remove();
    assert.equal(existsSync(join(top, "record")), false);
  });
});

describe("VmCgroup", () => {
  it("refuses a process where it could not be made, and leaves nothing", async () => {
    const own = await versionTwo();
    const cgroups = newCgroups();
    // A file where the group of all should be.
    await writeFile(join(own, cgroups.name), "");
    const group = cgroups.create("vm-1", limits, join(top, "record"));
    await assert.rejects(group.add(process.pid), /^Error: its control group cannot be made: E/);
    await rm(join(own, cgroups.name));
    await group.remove();
    assert.deepEqual(
      await readdir(own).then((names) => names.filter((n) => n === cgroups.name)),
      [],
    );
  });
});

describe("qemuLimits", () => {
  it("has room for what QEMU needs beside its guest, more of it without KVM", () => {
    const guest = { vcpus: 2, memoryMib: 512 };
    assert.deepEqual(qemuLimits(guest, "tcg"), { memoryMib: 832, vcpus: 2, cpus: 2.5, pids: 98 });
    assert.equal(qemuLimits(guest, "kvm").memoryMib, 704);
  });
});
