import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, lstat, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";

import type { RuntimeImage } from "../../src/core/runtime.ts";
import type { VmSpec } from "../../src/core/vm.ts";
import type { RunningVm, VmDriver } from "../../src/ports/vm-driver.ts";
import { isRunning } from "../support/is-running.ts";
import { RuntimeGuest } from "../support/runtime-guest.ts";
import { waitUntil } from "../support/wait-until.ts";

/** What a driver brings to its contract suite. */
export interface VmDriverSubject {
  readonly label: string;
  /** A driver on `dataDir`, as a manager that starts makes one. */
  create(options: { readonly dataDir: string; readonly bootTimeoutMs?: number }): VmDriver;
  /** An image of the runtime `node`. */
  readonly image: RuntimeImage;
  /** One whose VM ends before it answers, and what the reason given must then say. */
  readonly broken: { readonly image: RuntimeImage; readonly words: RegExp };
  /** One whose VM has not answered after a second, and says something until then. */
  readonly silent: RuntimeImage;
  /** What the addresses of its VMs are like; those of loopback unless told. */
  readonly addresses?: RegExp;
  /** By how much more than a plain process everything takes. */
  readonly slowFactor: number;
}

/** A flood on the console, which begins when the first call is answered and which the next awaits. */
const floodCode = `
let flood;
async function handler({ kibibytes }) {
  const line = "x".repeat(1023) + "\\n";
  flood ??= new Promise((over) => setTimeout(async () => {
    for (let count = 0; count < kibibytes; count += 1)
      if (!process.stdout.write(line)) await new Promise((resolve) => process.stdout.once("drain", resolve));
    process.stdout.write("the flood is over\\n", over);
  }));
  if (kibibytes === undefined) await flood;
}`;

/** What every driver must do, whatever it starts. */
export function vmDriverSuite(subject: VmDriverSubject): void {
  describe(`VM driver: ${subject.label}`, () => {
    let dataDir = "";
    let driver: VmDriver;

    beforeEach(async () => {
      dataDir = await newDataDir();
      driver = subject.create({ dataDir });
    });

    afterEach(async () => {
      for (const id of await driver.list()) await driver.destroy(id);
      await rm(dataDir, { recursive: true });
    });

    const boot = (spec: Partial<VmSpec> = {}, signal = AbortSignal.timeout(120_000)) =>
      driver.boot(specOf(subject.image, spec), signal);

    const assertNothingLeft = async (pids: readonly number[] = []) => {
      assert.deepEqual(await driver.list(), []);
      assert.deepEqual(await readdir(join(dataDir, "vms")), []);
      for (const pid of pids) await waitUntil(`process ${pid} has gone`, () => !isRunning(pid));
    };

    it("proves that it is usable, and says how much it isolates", async () => {
      const probe = await driver.probe();
      assert.ok(probe.usable, JSON.stringify(probe));
      assert.match(probe.version, /\d+\.\d+/);
      if (probe.isolation !== "hardware") assert.match(probe.notes.join("\n"), /isolation/);
    });

    it("boots a VM that answers on port 3000 of an address of its own, and destroys it", async () => {
      const spec = specOf(subject.image);
      const vm = await driver.boot(spec, AbortSignal.timeout(120_000));
      assert.equal(vm.id, spec.id);
      const { addresses = /^127\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./ } = subject;
      assert.match(vm.address.host, addresses);
      assert.equal(vm.address.port, 3000);
      assert.ok(isRunning(vm.pid));
      const health = await fetch(`http://${vm.address.host}:3000/health`);
      assert.equal(((await health.json()) as { status: string }).status, "ok");
      assert.deepEqual(await driver.list(), [vm.id]);

      await driver.destroy(vm.id);
      assert.ok((await vm.exited).detail.length > 0);
      await assertNothingLeft([vm.pid]);
      assert.equal(await canConnect(vm), false);
    });

    it("destroys a VM again, an absent one, and one that is no name for a folder", async () => {
      const vm = await boot();
      await Promise.all([driver.destroy(vm.id), driver.destroy(vm.id)]);
      await driver.destroy(vm.id);
      await driver.destroy(randomUUID());
      await driver.destroy("../vms");
      assert.ok(existsSync(join(dataDir, "vms")));
      await assertNothingLeft([vm.pid]);
    });

    it("boots two VMs at once, at different addresses, as different users and kept from others", async () => {
      const vms = await Promise.all([boot(), boot()]);
      assert.equal(new Set(vms.map((vm) => vm.address.host)).size, 2);
      assert.equal(new Set(vms.map((vm) => vm.pid)).size, 2);
      const users = await Promise.all(vms.map(async (vm) => (await stat(`/proc/${vm.pid}`)).uid));
      const own = process.geteuid?.() === 0;
      assert.equal(new Set(users).size, own ? 2 : 1, users.join());
      assert.equal(users.includes(0), false);
      assert.deepEqual([...(await driver.list())].toSorted(), vms.map((vm) => vm.id).toSorted());
      for (const { id } of vms) {
        const folder = join(dataDir, "vms", id);
        for (const name of ["spec.json", "process.json", "console.log"]) {
          assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600, name);
        }
        assert.equal((await stat(join(folder, "run"))).mode & 0o777, 0o700);
      }
    });

    it("refuses the id of a VM that runs, and notices when that one is killed from outside", async () => {
      const vm = await boot();
      await assert.rejects(boot({ id: vm.id }), { code: "vm_start_failed", message: /id/ });
      assert.ok(isRunning(vm.pid));
      assert.equal(await canConnect(vm), true);
      process.kill(vm.pid, "SIGKILL");
      const exit = await vm.exited;
      assert.equal(exit.signal, "SIGKILL");
      assert.match(exit.detail, /by SIGKILL/);
      await driver.destroy(vm.id);
      await assertNothingLeft();
    });

    it("fails to boot a broken image with the VMM's own words, and leaves nothing", async () => {
      const spec = specOf(subject.broken.image);
      const error = await driver.boot(spec, AbortSignal.timeout(120_000)).then(
        () => assert.fail("It booted"),
        (reason: Error & { code: string }) => reason,
      );
      assert.equal(error.code, "vm_start_failed");
      assert.ok(error.message.startsWith(`Cannot start VM "${spec.name}": `), error.message);
      assert.match(error.message, subject.broken.words);
      await assertNothingLeft();
    });

    it("gives up on a VM that does not answer, and leaves nothing", async () => {
      await driver.probe();
      const hasty = subject.create({ dataDir, bootTimeoutMs: 1_000 });
      await assert.rejects(hasty.boot(specOf(subject.silent), AbortSignal.timeout(60_000)), {
        code: "vm_start_failed",
        message: /did not answer within 1 s/,
      });
      await assertNothingLeft();
    });

    it("leaves nothing of a boot that is aborted, before, at once and later", async () => {
      const reason = new Error("the function was deleted");
      await assert.rejects(boot({}, AbortSignal.abort(reason)), reason);
      for (const moment of ["at once", "when its process runs"]) {
        const abort = new AbortController();
        const booting = driver.boot(specOf(subject.silent), abort.signal);
        booting.catch(() => undefined);
        if (moment !== "at once") await processOf(dataDir);
        abort.abort(reason);
        await assert.rejects(booting, reason);
        await assertNothingLeft();
      }
    });

    it("destroys a VM that boots, whose boot then fails", async () => {
      const spec = specOf(subject.silent);
      const booting = driver.boot(spec, AbortSignal.timeout(60_000));
      booting.catch(() => undefined);
      await processOf(dataDir);
      await driver.destroy(spec.id);
      await assertNothingLeft();
      await assert.rejects(booting, { code: "vm_start_failed", message: /destroyed/ });
    });

    it("reads a console, and keeps the end of one that is flooded", async () => {
      const vm = await boot();
      assert.match((await driver.readConsole?.(vm.id)) ?? "", /runtime-server: listening on/);
      const guest = new RuntimeGuest(
        {
          address: vm.address,
          readConsole: async () => (await driver.readConsole?.(vm.id)) ?? "",
          stop: () => driver.destroy(vm.id),
        },
        subject.slowFactor,
      );
      await guest.adopt();
      await guest.deploy({ code: floodCode });
      // Enough to turn the log over twice, and where it costs little to show in the manager's memory.
      await guest.ask({ kibibytes: Math.ceil((12 * 1024) / subject.slowFactor) });
      const memoryBytes = process.memoryUsage().rss;
      // Waiting in the guest: to read the console again and again would take memory of its own.
      await guest.ask({}, { timeoutMs: 120_000 });
      const growthBytes = process.memoryUsage().rss - memoryBytes;
      await guest.untilOnConsole("the flood is over");
      const keptBytes = await keptBytesOf(join(dataDir, "vms", vm.id));
      assert.ok(keptBytes < 1.3 * 2 ** 20, `${keptBytes} bytes on the disk`);
      assert.ok(growthBytes < 64 * 2 ** 20, `${growthBytes} bytes more in memory`);
      await guest.stop();
      assert.equal(await driver.readConsole?.(vm.id), "");
    });
  });
}

/** A data folder that VMs' users can pass through. */
export async function newDataDir(): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), "firelet-driver-"));
  await chmod(dataDir, 0o711);
  return dataDir;
}

export function specOf(image: RuntimeImage, spec: Partial<VmSpec> = {}): VmSpec {
  const id = randomUUID();
  const name = `fn-tested-${id.slice(0, 8)}`;
  const size = { vcpus: 1, memoryMib: 256 };
  return { id, name, functionId: randomUUID(), image, ...size, egress: "none", ...spec };
}

/** Waits until the only VM in `dataDir` has a process; resolves to the id of that. */
export async function processOf(dataDir: string): Promise<number> {
  let journal = "";
  const isJournaled = async () => {
    const [id] = await readdir(join(dataDir, "vms")).catch(() => []);
    journal = join(dataDir, "vms", id ?? "", "process.json");
    return id !== undefined && existsSync(journal);
  };
  // The driver may try the host first.
  await waitUntil("a VM's process is journaled", isJournaled, 20_000);
  return (JSON.parse(await readFile(journal, "utf8")) as { pid: number }).pid;
}

export async function canConnect({ address }: Pick<RunningVm, "address">): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(address, () => resolve(true)).on("error", () => resolve(false));
  const connected = await promise;
  socket.destroy();
  return connected;
}

/** What is kept of a VM. Its system and snapshot, which its VMM may find in `run`, are not its own. */
async function keptBytesOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true });
  const kept = entries.filter((entry) => !/^run\b/.test(entry));
  const sizes = kept.map(async (entry) => (await lstat(join(folder, entry))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
