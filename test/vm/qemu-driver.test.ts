import assert from "node:assert/strict";
import { copyFile, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { QemuDriver } from "../../src/drivers/qemu/driver.ts";
import type { VmImage } from "../../src/core/runtime.ts";
import type { RunningVm } from "../../src/ports/vm-driver.ts";
import { newDataDir, specOf, vmDriverSuite } from "../contract/vm-driver.ts";
import { snapshotSuite } from "../contract/vm-driver-snapshots.ts";
import { strayVmSuite } from "../contract/vm-driver-strays.ts";
import { vmUseSuite } from "../contract/vm-driver-use.ts";
import { RuntimeGuest } from "../support/runtime-guest.ts";
import { vmImages } from "../support/vm-images.ts";
import { userNetwork } from "../support/networks.ts";

const { images, skip } = await vmImages("node");

describe("VM driver on real microVMs", { skip }, async () => {
  if (images === null) return;
  const node = images["node"];
  assert.ok(node);
  const folder = await mkdtemp(join(tmpdir(), "firelet-images-"));
  after(() => rm(folder, { recursive: true }));
  const noSystem = join(folder, "rootfs");
  await writeFile(noSystem, Buffer.alloc(64 * 1024, "not a file system "));
  const noKernel = join(folder, "kernel");
  await writeFile(noKernel, Buffer.alloc(64 * 1024, "not a kernel "));

  const subject = {
    label: "qemu",
    create: (options: { dataDir: string; bootTimeoutMs?: number }) =>
      new QemuDriver({ ...options, network: userNetwork() }),
    image: node,
    broken: { image: { ...node, rootfs: noSystem }, words: /it is neither squashfs nor ext4/ },
    silent: node,
    slowFactor: 8,
  };
  vmDriverSuite(subject);
  strayVmSuite(subject);
  vmUseSuite(subject);
  snapshotSuite(subject);

  describe("QEMU driver", () => {
    let dataDir = "";
    let driver: QemuDriver;
    before(async () => {
      dataDir = await newDataDir();
      driver = new QemuDriver({ dataDir, network: userNetwork() });
    });
    after(() => rm(dataDir, { recursive: true }));
    const boot = (image: VmImage) => driver.boot(specOf(image), AbortSignal.timeout(60_000));

    describe("with an image in a folder that only the manager can pass through", () => {
      let vm: RunningVm;
      before(async () => {
        const image = { ...node, rootfs: join(folder, "closed") };
        await copyFile(node.rootfs, image.rootfs);
        vm = await boot(image);
      });
      after(() => driver.destroy(vm.id));

      it("starts its VMM without privileges, in QEMU's sandbox, with a control socket of its own", async () => {
        const status = await readFile(`/proc/${vm.pid}/status`, "utf8");
        assert.match(status, /^CapEff:\t0+$/m);
        assert.match(status, /^NoNewPrivs:\t1$/m);
        assert.match(status, /^Seccomp:\t2$/m);
        const socket = await stat(join(dataDir, "vms", vm.id, "run/qmp.sock"));
        assert.equal(socket.mode & 0o777, 0o600);
      });

      it("gives the guest a clock that is right and keeps time", async () => {
        const stop = () => driver.destroy(vm.id);
        const guest = new RuntimeGuest({ ...vm, stop, readConsole: async () => "" }, 8);
        await guest.adopt();
        await guest.deploy({
          code: `async function handler({ ms }) {
            const start = performance.now();
            await new Promise((resolve) => setTimeout(resolve, ms));
            return { passedMs: performance.now() - start, now: Date.now() };
          }`,
        });
        await guest.ask({ ms: 0 });
        const start = performance.now();
        const reply = await guest.ask({ ms: 2_000 });
        const passedMs = performance.now() - start;
        // The call itself takes longer on the host; a clock that is off by a factor would not pass.
        assert.ok(reply.passedMs > 0.9 * passedMs && reply.passedMs < 1.01 * passedMs);
        assert.ok(Math.abs(reply.now - Date.now()) < 2_000, `${reply.now} is not ${Date.now()}`);
      });
    });

    it("says what QEMU has against a kernel, and that an image is not there", async () => {
      await assert.rejects(boot({ ...node, kernel: noKernel }), {
        code: "vm_start_failed",
        message: /: QEMU ended with status 1: qemu.*: .*kernel/,
      });
      await assert.rejects(boot({ ...node, rootfs: join(folder, "absent") }), {
        code: "vm_start_failed",
        message: /no such file or directory.*absent/,
      });
    });

    it("says that emulation was asked for, and what QEMU promises under it", async () => {
      const probe = await new QemuDriver({
        dataDir,
        accelerator: "tcg",
        network: userNetwork(),
      }).probe();
      assert.ok(probe.usable);
      assert.equal(probe.accelerator, "tcg");
      assert.equal(probe.isolation, "emulated");
      assert.match(probe.notes.join("\n"), /QEMU promises no guest isolation/);
    });
  });
});
