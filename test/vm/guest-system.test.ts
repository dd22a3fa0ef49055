import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";

import type { VmImage } from "../../src/core/runtime.ts";
import { QemuDriver } from "../../src/drivers/qemu/driver.ts";
import { runCommand } from "../../src/os/run-command.ts";
import { clockMessage, wakeMessage } from "../../src/runtime/wake-message.ts";
import { newDataDir, specOf } from "../contract/vm-driver.ts";
import { userNetwork } from "../support/networks.ts";
import { temporaryFolder } from "../support/package-sources.ts";
import { RuntimeGuest } from "../support/runtime-guest.ts";
import { vmImages } from "../support/vm-images.ts";

const { images, skip } = await vmImages("python");

/** Does to its own VM what it is told to. */
const code = `
import os, select, socket, subprocess, time

def read_channel(seconds):
    fifo = os.open("/run/wake", os.O_RDONLY | os.O_NONBLOCK)
    try:
        return os.read(fifo, 65536).hex() if select.select([fifo], [], [], seconds)[0] else ""
    finally:
        os.close(fifo)

def handler(event):
    if "channel" in event:
        return read_channel(event["channel"])
    if "address" in event:
        return socket.gethostbyname(event["address"])
    if "clock" in event:
        return time.time() * 1000
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
  /** A VM for the tests that leave it as good as new. */
  let shared: Awaited<ReturnType<typeof start>>;
  before(async () => {
    dataDir = await newDataDir();
    shared = await start();
  });
  after(async () => {
    await shared?.guest.stop();
    await rm(dataDir, { recursive: true });
  });

  const start = async (image: VmImage = python) => {
    const driver = new QemuDriver({ dataDir, network: userNetwork() });
    const vm = await driver.boot(specOf(image), AbortSignal.timeout(120_000));
    const server = {
      address: vm.address,
      readConsole: () => driver.readConsole(vm.id),
      stop: () => driver.destroy(vm.id),
    };
    const guest = new RuntimeGuest(server, 8);
    await guest.adopt();
    await guest.deploy({ code });
    const run = (command: string): Promise<string> => guest.ask({ run: command });
    const tell = (message: Uint8Array) => driver.snapshots.tell(vm.id, message);
    /** What comes over the wake channel to the server, as the server would read it. */
    const hear = async (seconds = 20): Promise<Buffer> =>
      Buffer.from(await guest.ask({ channel: seconds }), "hex");
    return { vm, guest, run, tell, hear };
  };
  const startFor = async (t: TestContext, image?: VmImage) => {
    const own = await start(image);
    t.after(() => own.guest.stop());
    return own;
  };

  it("runs functions as an unprivileged user, on a file system of their own", async () => {
    const { run } = shared;
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

  it("has the service command and the log of the specification's troubleshooting", async () => {
    const { run } = shared;
    assert.equal(await run("rc-service runtime-server status"), " * status: started\n");
    assert.match(
      await run("rc-service runtime-server stop 2>&1; echo $?"),
      /only `status'.*\n1\n$/,
    );
    assert.match(await run("rc-service nginx status 2>&1; echo $?"), /does not exist\n1\n$/);
    const log = "cat /var/log/runtime-server.log";
    assert.equal(await run(log), "runtime-server: listening on 0.0.0.0:3000\n");
  });

  it("keeps two files of a mebibyte of what a function prints, and no more", async () => {
    const { guest, run } = shared;
    const size = async () => Number(await run("cat /var/log/runtime-server.log* | wc -c"));
    await guest.ask({ print: 2_200_000 }, { timeoutMs: 120_000 });
    assert.ok((await size()) > 1_000_000, "it keeps what was printed last");
    assert.ok((await size()) <= 2 * 1_048_576);
    const newest = "tail -c 16 /var/log/runtime-server.log";
    assert.equal(await run(newest), "0123456789abcde\n");
  });

  it("powers off when the runtime server ends, and says why", async (t) => {
    const { vm, guest } = await startFor(t);
    await assert.rejects(guest.ask({ run: "kill -9 $PPID; sleep 30" }));
    await vm.exited;
    const reason = "init: The runtime server ended by signal 9: powering off";
    await guest.untilOnConsole(reason);
  });

  it("takes on the clock, the name and the entropy that it is told, and passes the message on", async () => {
    const { guest, run, tell, hear } = shared;
    for (const instance of ["fn-a-rather-long-name-550e8400-12", "fn-x-550e8400"]) {
      const message = wakeMessage({ now: new Date(), instance, token: guest.token });
      await tell(message);
      assert.deepEqual(await hear(), Buffer.from(message));
      assert.equal(await run("hostname"), `${instance}\n`);
      const hosts = `127.0.0.1 localhost\n::1 localhost\n127.0.1.1 ${instance}\n`;
      assert.equal(await run("cat /etc/hosts"), hosts);
      assert.equal(await guest.ask({ address: instance }), "127.0.1.1");
    }
    assert.doesNotMatch(await guest.server.readConsole(), /wake:/);
  });

  it("has the time that it is told to 50 ms", async () => {
    const { guest, tell } = shared;
    const target = Date.UTC(2031, 1, 3);
    const errorMs = async (): Promise<number> => {
      const toldAt = performance.now();
      await tell(clockMessage(new Date(target)));
      // An invocation of its own, so that the message has arrived when the clock is read.
      while ((await guest.ask({ clock: true })) < target);
      const askedAt = performance.now();
      const told = (await guest.ask({ clock: true })) - target;
      // It was read between question and answer.
      return Math.max(askedAt - toldAt - told, told - (performance.now() - toldAt));
    };
    // A host that is busy delivers a message late: the best of a few says what the guest does.
    const errors: number[] = [];
    while (errors.length < 5 && !errors.some((ms) => ms < 50)) errors.push(await errorMs());
    assert.ok(Math.min(...errors) < 50, `off by ${errors.join(", ")} ms`);
  });

  it("takes a message in any number of parts, and passes on only what it is asked to", async () => {
    const { guest, tell, hear } = shared;
    const wake = (instance: string) =>
      Buffer.from(wakeMessage({ now: new Date(), instance, token: guest.token }));
    await tell(clockMessage(new Date()));
    const parted = wake("fn-parted-550e8400");
    for (const byte of parted) await tell(Buffer.of(byte));
    assert.deepEqual(await hear(), parted);

    // At 16, bits of entropy; at 20, its bytes; at 0, seconds: the clone must not go on without them.
    const tooLong = wake("fn-too-long-550e8400");
    tooLong.writeInt32LE(65, 20);
    const negative = wake("fn-negative-550e8400");
    negative.writeInt32LE(-1, 16);
    const tooEarly = wake("fn-too-early-550e8400");
    tooEarly.writeBigInt64LE(-1n, 0);
    const good = wake("fn-good-550e8400");
    await tell(Buffer.concat([tooLong, negative, tooEarly, good]));
    assert.deepEqual(await hear(), good);
    for (const step of ["use this length of entropy", "add entropy", "set the clock"]) {
      await guest.untilOnConsole(`wake: Cannot ${step}: error 22`);
    }
    assert.equal(await guest.ask({ channel: 0.2 }), "");
  });

  it("survives garbage on its wake channel, and so does its neighbour", async (t) => {
    const [one, other] = [await startFor(t), shared];
    await one.tell(randomBytes(50_003));
    await one.guest.untilOnConsole("wake: Cannot");
    assert.match(await one.run("pidof wake"), /^\d+\n$/);
    const message = wakeMessage({ now: new Date(), instance: "fn-b", token: other.guest.token });
    await other.tell(message);
    assert.deepEqual(await other.hear(), Buffer.from(message));
  });

  it("lets no function at the devices of wake channel and agent, nor write to its FIFO", async () => {
    const { run } = shared;
    const devices = (await run("ls /dev/ttyS0 /dev/vport*")).trim().split("\n");
    assert.equal(devices.length, 3, devices.join());
    for (const device of [...devices, "/dev/console"]) {
      assert.match(await run(`: <${device}`), /Permission denied/, device);
      assert.match(await run(`: >${device}`), /Permission denied/, device);
    }
    assert.match(await run("echo forged >/run/wake"), /Permission denied/);
    assert.match(await run("kill -9 $(pidof wake)"), /not permitted/);
    assert.match(await run("kill -9 $(pidof agent)"), /not permitted/);
    assert.equal(await run("env | grep FIRELET"), "");
  });

  it("ends soon when a function takes all memory, and says so", async (t) => {
    const { vm, guest } = await startFor(t);
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
    const { run } = await startFor(t, { ...python, rootfs });
    assert.match(await run("touch ~/file && cat /proc/mounts"), /^overlay \/ overlay rw,/m);
  });
});
