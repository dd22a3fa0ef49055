import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import {
  describeProcess,
  type JournaledProcess,
  writeJournal,
} from "../../src/drivers/shared/process-journal.ts";
import type { VmDriver } from "../../src/ports/vm-driver.ts";
import { isRunning } from "../support/is-running.ts";
import { waitUntil } from "../support/wait-until.ts";
import { newDataDir, specOf, type VmDriverSubject } from "./vm-driver.ts";

const managerProgram = fileURLToPath(new URL("../support/manager-to-kill.ts", import.meta.url));

/** What becomes of VMs whose manager was killed, and of processes that only look like them. */
export function strayVmSuite(subject: VmDriverSubject): void {
  describe(`VM driver, VMs of an earlier manager: ${subject.label}`, () => {
    let dataDir = "";
    let driver: VmDriver;
    const pids: number[] = [];

    beforeEach(async () => {
      dataDir = await newDataDir();
      driver = subject.create({ dataDir });
    });

    afterEach(async () => {
      for (const pid of pids.splice(0)) if (isRunning(pid)) process.kill(pid, "SIGKILL");
      await rm(dataDir, { recursive: true });
    });

    /** A program that has nothing to do with us, or is what a manager left: the journal decides. */
    const startProgram = async () => {
      const child = spawn("sleep", ["60"], { detached: true, stdio: "ignore" });
      child.unref();
      await once(child, "spawn");
      const pid = Number(child.pid);
      pids.push(pid);
      const entry = await describeProcess(pid, null, { booted: true });
      assert.ok(entry);
      return { child, entry };
    };

    const leaveBehind = async (entry: JournaledProcess) => {
      const id = randomUUID();
      await mkdir(join(dataDir, "vms", id), { recursive: true });
      await writeJournal(join(dataDir, "vms", id, "process.json"), entry);
      return id;
    };

    it("ends with the manager that started them, and are found and removed by the next", async () => {
      const spec = specOf(subject.image);
      const args = ["--disable-warning=ExperimentalWarning", managerProgram, driver.kind, dataDir];
      const manager = spawn(process.execPath, [...args, JSON.stringify(spec)], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      pids.push(Number(manager.pid));
      const [line] = (await once(manager.stdout, "data")) as [Buffer];
      const vmPid = Number(line.toString());
      assert.ok(isRunning(vmPid));
      manager.kill("SIGKILL");
      await waitUntil("the VM has gone with its manager", () => !isRunning(vmPid));
      assert.deepEqual(await driver.list(), [spec.id]);
      await driver.destroy(spec.id);
      assert.deepEqual(await driver.list(), []);
    });

    it("are killed where they outlived it", async () => {
      const { child, entry } = await startProgram();
      const id = await leaveBehind(entry);
      assert.deepEqual(await driver.list(), [id]);
      const exit = once(child, "exit");
      await driver.destroy(id);
      assert.deepEqual(await exit, [null, "SIGKILL"]);
      assert.deepEqual(await driver.list(), []);
    });

    const lookalikes: Record<string, Partial<JournaledProcess>> = {
      "started at another time": { startTicks: 1 },
      "runs another program": { executable: "/usr/bin/another" },
      "runs in another boot of the host": { bootId: randomUUID() },
    };
    for (const [how, difference] of Object.entries(lookalikes)) {
      it(`are not taken for a process that has their id and ${how}`, async () => {
        const { entry } = await startProgram();
        const id = await leaveBehind({ ...entry, ...difference });
        await driver.destroy(id);
        assert.ok(isRunning(entry.pid));
        assert.deepEqual(await driver.list(), []);
      });
    }

    it("are removed where their journal was never written, or not whole", async () => {
      await mkdir(join(dataDir, "vms", "half-made"), { recursive: true });
      await driver.destroy("half-made");
      assert.deepEqual(await driver.list(), []);
    });
  });
}
