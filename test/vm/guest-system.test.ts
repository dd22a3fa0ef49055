import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";

import type { VmImage } from "../../src/core/runtime.ts";
import { QemuDriver } from "../../src/drivers/qemu/driver.ts";
import { runCommand } from "../../src/os/run-command.ts";
import { newDataDir, specOf } from "../contract/vm-driver.ts";
import { temporaryFolder } from "../support/package-sources.ts";
import { RuntimeGuest } from "../support/runtime-guest.ts";
import { vmImages } from "../support/vm-images.ts";

const { images, skip } = await vmImages("python");

/** Does to its own VM what it is told to. */
const code = `
import os, subprocess

def handler(event):
    if "run" in event:
        done = subprocess.run(["/bin/sh", "-c", event["run"]], capture_output=True, text=True)
        return done.stdout + done.stderr
    if "print" in event:
        return sum(os.write(1, b"0123456789abcde\\n" * 256) for _ in range(event["print"] // 4096))
    hoard = []
    while True:
        hoard.append(b"x" * (1 << 20))
`;

describe("the system in a VM", { skip }, async () => {
  if (images === null) return;
  const python = images["python"];
  assert.ok(python);
  let dataDir = "";
  before(async () => {
    dataDir = await newDataDir();
  });
  after(() => rm(dataDir, { recursive: true }));

  const start = async (t: TestContext, image: VmImage = python) => {
    const driver = new QemuDriver({ dataDir });
    const vm = await driver.boot(specOf(image), AbortSignal.timeout(120_000));
    const server = {
      address: vm.address,
      readConsole: () => driver.readConsole(vm.id),
      stop: () => driver.destroy(vm.id),
    };
    const guest = new RuntimeGuest(server, 8);
    t.after(() => guest.stop());
    await guest.adopt();
    await guest.deploy({ code });
    const run = (command: string): Promise<string> => guest.ask({ run: command });
    return { vm, guest, run };
  };

  it("runs functions as an unprivileged user, on a file system of their own", async (t) => {
    const { run } = await start(t);
    const status = await run("id -un; cat /proc/self/status; cat /proc/mounts");
    assert.match(status, /^function$/m);
    assert.match(status, /^CapEff:\t0+$/m);
    assert.match(status, /^NoNewPrivs:\t1$/m);
    assert.match(status, /^overlay \/ overlay rw,/m);
    assert.match(await run("echo x > /etc/passwd"), /Permission denied/);
    assert.match(await run("rm -r /usr/lib/firelet; dd if=/dev/vda count=1"), /Permission denied/);
    assert.equal(await run("cd; echo kept > file; cat file; echo to > /dev/stdout"), "kept\nto\n");
    assert.match(await run("hostname"), /^fn-/);
  });

  it("has the service command and the log of the specification's troubleshooting", async (t) => {
    const { run } = await start(t);
    assert.equal(await run("rc-service runtime-server status"), " * status: started\n");
    assert.match(
      await run("rc-service runtime-server stop 2>&1; echo $?"),
      /only `status'.*\n1\n$/,
    );
    assert.match(await run("rc-service nginx status 2>&1; echo $?"), /does not exist\n1\n$/);
    const log = "cat /var/log/runtime-server.log";
    assert.equal(await run(log), "runtime-server: listening on 0.0.0.0:3000\n");
  });

  it("keeps two files of a mebibyte of what a function prints, and no more", async (t) => {
    const { guest, run } = await start(t);
    const size = async () => Number(await run("cat /var/log/runtime-server.log* | wc -c"));
    await guest.ask({ print: 2_200_000 }, { timeoutMs: 120_000 });
    assert.ok((await size()) > 1_000_000, "it keeps what was printed last");
    assert.ok((await size()) <= 2 * 1_048_576);
    const newest = "tail -c 16 /var/log/runtime-server.log";
    assert.equal(await run(newest), "0123456789abcde\n");
  });

  it("powers off when the runtime server ends, and says why", async (t) => {
    const { vm, guest } = await start(t);
    await assert.rejects(guest.ask({ run: "kill -9 $PPID; sleep 30" }));
    await vm.exited;
    const reason = "init: The runtime server ended by signal 9: powering off";
    await guest.untilOnConsole(reason);
  });

  it("ends soon when a function takes all memory, and says so", async (t) => {
    const { vm, guest } = await start(t);
    const started = performance.now();
    await assert.rejects(guest.ask({}, { timeoutMs: 60_000 }));
    await vm.exited;
    const tookMs = performance.now() - started;
    assert.ok(tookMs < 30_000, `it took ${tookMs} ms, as long as a machine that only thrashes`);
    await guest.untilOnConsole("ended by signal 9, the VM was out of memory: powering off");
  });

  it("boots an ext4 root file system that a user brings", async (t) => {
    await using folder = await temporaryFolder();
    const tree = join(folder.path, "tree");
    const rootfs = join(folder.path, "mine.ext4");
    await runCommand(["unsquashfs", "-quiet", "-no-progress", "-dest", tree, python.rootfs]);
    await runCommand(["mkfs.ext4", "-q", "-d", tree, rootfs, "256M"]);
    const { run } = await start(t, { ...python, rootfs });
    assert.match(await run("touch ~/file && cat /proc/mounts"), /^overlay \/ overlay rw,/m);
  });
});
