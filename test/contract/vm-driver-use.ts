import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { afterEach, beforeEach, describe, it } from "node:test";

import type { VmDriver, VmmUse } from "../../src/ports/vm-driver.ts";
import { RuntimeGuest } from "../support/runtime-guest.ts";
import { newDataDir, specOf, type VmDriverSubject } from "./vm-driver.ts";

const busyCode = `async function handler({ ms }) {
  for (const start = performance.now(); performance.now() - start < ms; );
}`;

/** What every driver that measures VMs must do. */
export function vmUseSuite(subject: VmDriverSubject): void {
  describe(`use of the host: ${subject.label}`, () => {
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

    const measure = async (vmId: string): Promise<VmmUse> => {
      assert.ok(driver.capabilities.has("metrics"));
      return driver.measure?.(vmId) ?? assert.fail("It has no measure()");
    };

    it("counts processor time as it passes, and the memory that is held", async () => {
      const vm = await driver.boot(specOf(subject.image), AbortSignal.timeout(120_000));
      const stop = () => driver.destroy(vm.id);
      const { address } = vm;
      const guest = new RuntimeGuest(
        { address, stop, readConsole: async () => "" },
        subject.slowFactor,
      );
      await guest.adopt();
      await guest.deploy({ code: busyCode });
      await guest.ask({ ms: 0 });
      const before = await measure(vm.id);
      await guest.ask({ ms: 1_000 });
      const after = await measure(vm.id);
      const spentMs = after.cpuMs - before.cpuMs;
      // A busy host gives it less; the VMM has work of its own.
      assert.ok(spentMs > 300 && spentMs < 4_000, `${spentMs} ms`);
      assert.ok(after.memoryBytes > 16 * 2 ** 20, `${after.memoryBytes} bytes`);
      assert.ok(after.memoryBytes < 2 ** 30, `${after.memoryBytes} bytes`);
      assert.equal(after.disk === null, driver.kind === "process");
      if (after.disk !== null) assert.ok(after.disk.readBytes > 2 ** 20, JSON.stringify(after));
      await guest.stop();
      await assert.rejects(measure(vm.id), { code: "vm_lost" });
    });

    it("has no figures of a VM that is not there", async () => {
      await assert.rejects(measure("absent"), { code: "vm_lost", message: /VM absent/ });
    });
  });
}
