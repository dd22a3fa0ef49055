import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rm, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import type { SnapshotFiles } from "../../src/core/snapshot.ts";
import type { VmSpec } from "../../src/core/vm.ts";
import type { VmDriver, VmSnapshots } from "../../src/ports/vm-driver.ts";
import { RuntimeGuest } from "../support/runtime-guest.ts";
import { waitUntil } from "../support/wait-until.ts";
import { isRunning, newDataDir, specOf, type VmDriverSubject } from "./vm-driver.ts";

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
      await copyFile(snapshot.memory, torn.memory);
      await copyFile(snapshot.state, torn.state);
      await truncate(torn.state, 10_000);
      for (const from of [torn, files("absent")]) {
        const spec = specOf(subject.image);
        await assert.rejects(snapshots.restore(spec, from, limit()), {
          code: "vm_start_failed",
          message: /^Cannot start VM "fn-tested-[^"]+": .+/s,
        });
      }
      await assertNothingLeft();
    });

    it("leaves nothing of a restore that is given up", async () => {
      const giveUp = new AbortController();
      const spec = specOf(subject.image);
      const restored = snapshots.restore(spec, snapshot, giveUp.signal);
      giveUp.abort(new Error("enough"));
      await assert.rejects(restored, { message: "enough" });
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
