import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";

import { driverKinds } from "../core/vm.ts";
import { createDrivers } from "./registry.ts";
import { userNetwork } from "../../test/support/networks.ts";

const dataDir = await mkdtemp(join(tmpdir(), "firelet-registry-"));
after(() => rm(dataDir, { recursive: true }));

const noImages = { list: async () => [], resolve: () => Promise.reject(new Error("no image")) };
const driversWith = (qemuPath: string | null) =>
  createDrivers({
    dataDir,
    network: userNetwork(),
    bootTimeoutMs: 1_000,
    firecrackerPath: "/nonexistent/firecracker",
    jailer: true,
    jailerPath: null,
    qemuPath,
    images: noImages,
  });
const without = driversWith("/nonexistent/qemu");

describe("drivers", () => {
  it("never choose a driver that isolates nothing by themselves", async () => {
    await assert.rejects(without.choose("auto"), {
      code: "driver_unavailable",
      message:
        /^Cannot use the driver "auto": firecracker: \/nonexistent\/firecracker is not installed \(.*\); qemu: \/nonexistent\/qemu is not installed \(apt-get install/,
    });
  });

  it("choose it when it is asked for by name, and say so", async () => {
    const chosen = await without.choose("process");
    assert.equal(chosen.driver.kind, "process");
    assert.equal(chosen.probe.isolation, "none");
    assert.equal(chosen.reason, 'The driver "process" was asked for');
  });

  it("do not take another driver than the one that was asked for", async () => {
    for (const kind of ["qemu", "firecracker"] as const) {
      await assert.rejects(without.choose(kind), {
        code: "driver_unavailable",
        message: new RegExp(`"${kind}"`),
      });
    }
  });

  it("are all probed, each with a reason where it does not work", async () => {
    const probes = await without.probeAll();
    assert.deepEqual(
      probes.map(({ kind }) => kind),
      driverKinds,
    );
    for (const { probe } of probes) if (!probe.usable) assert.ok(probe.reason && probe.remedy);
  });
});
