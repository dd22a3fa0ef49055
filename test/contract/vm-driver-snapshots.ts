import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import {
  copyFile,
  mkdir,
  open,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import type { SnapshotFiles } from "../../src/core/snapshot.ts";
import type { VmSpec } from "../../src/core/vm.ts";
import { runCommand } from "../../src/os/run-command.ts";
import type { VmDriver, VmSnapshots } from "../../src/ports/vm-driver.ts";
import { isRunning } from "../support/is-running.ts";
import { RuntimeGuest } from "../support/runtime-guest.ts";
import { waitUntil } from "../support/wait-until.ts";
import { canConnect, newDataDir, processOf, specOf, type VmDriverSubject } from "./vm-driver.ts";

const managerProgram = fileURLToPath(new URL("../support/manager-to-kill.ts", import.meta.url));

const counter = `
let count = 0;
async function handler({ by }) { return (count += by); }`;

const limit = () => AbortSignal.timeout(60_000);

/** What a driver with the capability `snapshot` must do beside the contract of all drivers. */
export function snapshotSuite(subject: VmDriverSubject): void {
  describe(`VM driver with snapshots: ${subject.label}`, () => {
    let dataDir = "";
    let driver: VmDriver;
    let snapshots: VmSnapshots;
    /** A guest whose count is 5. */
    let snapshot: SnapshotFiles;

    before(async () => {
      dataDir = await newDataDir();
      driver = subject.create({ dataDir });
      assert.ok(driver.capabilities.has("snapshot"));
      assert.ok(driver.snapshots);
      snapshots = driver.snapshots;
      await mkdir(join(dataDir, "snapshots"), { mode: 0o700 });
      snapshot = files("counted");
      const template = specOf(subject.image, { template: snapshot });
      const { address, pid } = await driver.boot(template, limit());
      const guest = guestAt(address, template.id);
      await guest.adopt();
      await guest.deploy({ code: counter });
      assert.equal(await guest.ask({ by: 5 }), 5);
      await snapshots.take(template.id, limit());
      await waitUntil("the template's process has gone", () => !isRunning(pid));
      assert.equal(await canConnect({ address }), false, "its address is free");
    });
    after(async () => {
      for (const id of await driver.list()) await driver.destroy(id);
      await rm(dataDir, { recursive: true });
    });

    const files = (name: string): SnapshotFiles => ({
      memory: join(dataDir, "snapshots", `${name}.memory`),
      state: join(dataDir, "snapshots", `${name}.state`),
    });
    const guestAt = (address: { host: string; port: number }, id: string) => {
      const stop = () => driver.destroy(id);
      return new RuntimeGuest({ address, stop, readConsole: async () => "" }, subject.slowFactor);
    };
    const clone = async (fields: Partial<VmSpec> = {}) => {
      const spec = specOf(subject.image, fields);
      const vm = await snapshots.restore(spec, snapshot, limit());
      return { vm, guest: guestAt(vm.address, vm.id) };
    };
    const conditionsOf = (fields: Partial<VmSpec> = {}) =>
      snapshots.conditions(specOf(subject.image, fields));
    const assertNothingLeft = async () => {
      assert.deepEqual(await driver.list(), []);
      assert.deepEqual(await readdir(join(dataDir, "vms")), []);
    };

    it("ends a template when its snapshot is taken, and leaves nothing but that", async () => {
      await assertNothingLeft();
      assert.equal((await stat(snapshot.memory)).size, 256 * 2 ** 20);
      assert.ok((await stat(snapshot.state)).size > 1_000);
    });

    it("restores a VM that stands still, and goes on where it was when it is resumed", async () => {
      const { vm, guest } = await clone();
      const health = guest.request("GET", "/health");
      const pause = AbortSignal.timeout(300);
      const paused = new Promise((resolve) => pause.addEventListener("abort", resolve));
      assert.equal(await Promise.race([health.then(() => "answered"), paused.then(() => "")]), "");
      await vm.resume();
      assert.equal((await health).status, 200);
      assert.equal(await guest.ask({ by: 2 }), 7);
      await guest.stop();
      assert.ok((await vm.exited).detail.length > 0);
      await assertNothingLeft();
    });

    it("restores many at once, none of which sees what another writes", async () => {
      const first = await digestOf(snapshot.memory);
      const clones = await Promise.all([1, 2, 3, 4].map(() => clone()));
      await Promise.all(clones.map(({ vm }) => vm.resume()));
      const ask = (by: number) =>
        Promise.all(clones.map(({ guest }, n) => guest.ask({ by: by * n })));
      assert.deepEqual(await ask(1), [5, 6, 7, 8]);
      assert.deepEqual(await ask(10), [5, 16, 27, 38]);
      assert.equal(new Set(clones.map(({ vm }) => vm.address.host)).size, 4);
      await Promise.all(clones.map(({ guest }) => guest.stop()));
      assert.equal(await digestOf(snapshot.memory), first, "the snapshot is as it was");
    });

    it("takes a snapshot of a clone again", async () => {
      const further = files("further");
      const { vm, guest } = await clone({ template: further });
      await vm.resume();
      assert.equal(await guest.ask({ by: 10 }), 15);
      await snapshots.take(vm.id, limit());
      const first = snapshot;
      snapshot = further;
      const again = await clone();
      snapshot = first;
      await again.vm.resume();
      assert.equal(await again.guest.ask({ by: 1 }), 16);
      await again.guest.stop();
    });

    it("says what is wrong with a snapshot that cannot be restored, and leaves nothing", async () => {
      const torn = files("torn");
      await copyFile(snapshot.state, torn.state);
      await truncate(torn.state, 10_000);
      const empty = files("empty");
      await writeFile(empty.memory, "");
      const faults: [SnapshotFiles, RegExp][] = [
        [{ ...torn, memory: snapshot.memory }, /\S+ ended with status [1-9]\d*: \S+/],
        [files("absent"), /no such file or directory.*absent/],
        [
          { ...snapshot, memory: empty.memory },
          /memory of its snapshot has 0 bytes, not 268435456/,
        ],
      ];
      for (const [from, words] of faults) {
        await assert.rejects(snapshots.restore(specOf(subject.image), from, limit()), {
          code: "vm_start_failed",
          message: new RegExp(`^Cannot start VM "fn-tested-[^"]+": .*${words.source}`, "s"),
        });
      }
      await assertNothingLeft();
      assert.equal((await stat(empty.memory)).size, 0, "it was not made longer");
    });

    it("leaves nothing of a restore that is aborted before it starts a process", async () => {
      const giveUp = new AbortController();
      const restored = snapshots.restore(specOf(subject.image), snapshot, giveUp.signal);
      giveUp.abort(new Error("enough"));
      await assert.rejects(restored, { message: "enough" });
      await assertNothingLeft();
    });

    /** Starts a restore that stays in its middle: its state never comes. */
    const stuck = async (using = driver, signal = limit()) => {
      const path = join(dataDir, "snapshots", `${randomUUID()}.state`);
      await runCommand(["mkfifo", path]);
      const writer = await open(path, "r+");
      const spec = specOf(subject.image);
      assert.ok(using.snapshots);
      const restored = using.snapshots.restore(spec, { ...snapshot, state: path }, signal);
      const outcome = restored.then(
        () => assert.fail("It was restored"),
        (error: Error & { code: string }) => error,
      );
      const closed = outcome.then(async (error) => {
        await writer.close();
        return error;
      });
      return { id: spec.id, pid: await processOf(dataDir), outcome: closed };
    };

    it("leaves nothing of a restore that is aborted in the middle", async () => {
      const giveUp = new AbortController();
      const { pid, outcome } = await stuck(driver, giveUp.signal);
      giveUp.abort(new Error("enough"));
      assert.equal((await outcome).message, "enough");
      assert.ok(!isRunning(pid));
      await assertNothingLeft();
    });

    it("destroys a VM in the middle of its restore, which then fails", async () => {
      const { id, pid, outcome } = await stuck();
      await driver.destroy(id);
      assert.ok(!isRunning(pid));
      await assertNothingLeft();
      const { code, message } = await outcome;
      assert.equal(code, "vm_start_failed");
      assert.match(message, /destroyed/);
    });

    it("notices when a VM is killed in the middle of its restore", async () => {
      const { pid, outcome } = await stuck();
      process.kill(pid, "SIGKILL");
      const { code, message } = await outcome;
      assert.equal(code, "vm_start_failed");
      assert.match(message, /ended by SIGKILL/);
      await assertNothingLeft();
    });

    it("gives up on a restore that does not come to its end", async () => {
      const hasty = subject.create({ dataDir, bootTimeoutMs: 1_000 });
      await hasty.probe();
      const { code, message } = await (await stuck(hasty)).outcome;
      assert.equal(code, "vm_start_failed");
      assert.match(message, /snapshot was not restored within 1 s/);
      await assertNothingLeft();
    });

    it("keeps hold of a restored VM when the signal that it was started with aborts later", async () => {
      const start = new AbortController();
      const further = files("later");
      const spec = specOf(subject.image, { template: further });
      const vm = await snapshots.restore(spec, snapshot, start.signal);
      start.abort(new Error("too late"));
      await vm.resume();
      await snapshots.take(vm.id, limit());
      assert.ok((await stat(further.state)).size > 1_000);
    });

    it("ends a template that does not let itself be stopped, and leaves nothing of it", async () => {
      const spec = specOf(subject.image, { template: files("deaf") });
      const vm = await snapshots.restore(spec, snapshot, limit());
      await vm.resume();
      process.kill(vm.pid, "SIGSTOP");
      const why = new Error("enough");
      const giveUp = new AbortController();
      const taken = snapshots.take(vm.id, giveUp.signal);
      giveUp.abort(why);
      await assert.rejects(taken, why);
      assert.ok(!isRunning(vm.pid));
      await assertNothingLeft();
    });

    it("ends a VM that stands still with the manager that restored it", async () => {
      const spec = specOf(subject.image);
      const args = ["--disable-warning=ExperimentalWarning", managerProgram, driver.kind, dataDir];
      const manager = spawn(
        process.execPath,
        [...args, JSON.stringify(spec), JSON.stringify(snapshot)],
        { stdio: ["ignore", "pipe", "inherit"] },
      );
      const [line] = (await once(manager.stdout, "data")) as [Buffer];
      const vmPid = Number(line.toString());
      assert.ok(isRunning(vmPid));
      manager.kill("SIGKILL");
      await waitUntil("the VM has gone with its manager", () => !isRunning(vmPid));
      assert.deepEqual(await driver.list(), [spec.id]);
      await driver.destroy(spec.id);
      await assertNothingLeft();
    });

    it("takes no snapshot of, and tells nothing to, a VM that is not there", async () => {
      await assert.rejects(snapshots.take("absent", limit()), { code: "vm_lost" });
      await assert.rejects(snapshots.tell("absent", Buffer.from("x")), { code: "vm_lost" });
      const { vm } = await clone();
      await driver.destroy(vm.id);
      await assert.rejects(vm.resume(), { code: "vm_start_failed" });
      await assert.rejects(snapshots.tell(vm.id, Buffer.from("x")), { code: "vm_lost" });
    });

    it("has the same conditions for VMs of one kind, and others for another kind", async () => {
      assert.deepEqual(await conditionsOf(), await conditionsOf({ name: "fn-other-00000000" }));
      assert.notDeepEqual(await conditionsOf(), await conditionsOf({ memoryMib: 512 }));
      assert.notDeepEqual(await conditionsOf(), await conditionsOf({ vcpus: 2 }));
    });
  });
}

async function digestOf(path: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
}
