import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { probeCommandLine, qemuCommandLine, type QemuMachine } from "./command-line.ts";

const emulated: QemuMachine = { path: "/usr/bin/qemu", accelerator: "tcg", counterKhz: 2_596_122 };
const kvm: QemuMachine = { path: "/usr/bin/qemu", accelerator: "kvm", counterKhz: null };
const guest = {
  name: "fn-hello-550e8400",
  vcpus: 2,
  memoryMib: 512,
  network: { kind: "user", host: "127.70.1.2", port: 3000, guestPort: 3000 },
} as const;

/** The values that follow `flag`. */
function valuesOf(argv: readonly string[], flag: string): string[] {
  return argv.filter((_, index) => argv[index - 1] === flag);
}

describe("qemuCommandLine", () => {
  it("gives the guest no network but its forwarded port", () => {
    const [network, ...more] = valuesOf(qemuCommandLine(emulated, guest), "-netdev");
    assert.equal(network, "user,id=net,restrict=on,ipv6=off,hostfwd=tcp:127.70.1.2:3000-:3000");
    assert.deepEqual(more, []);
  });

  it("connects a guest in a namespace to its tap, and tells it the way out", () => {
    const argv = qemuCommandLine(emulated, { ...guest, network: { kind: "tap" } });
    assert.deepEqual(valuesOf(argv, "-netdev"), ["tap,id=net,fd=TAP_FD"]);
    assert.match(valuesOf(argv, "-append").join(), / firelet\.gateway=169\.254\.1\.1\b/);
    assert.match(valuesOf(argv, "-append").join(), / firelet\.dns=169\.254\.1\.1\b/);
  });

  it("has nothing of QEMU's defaults, and its sandbox on", () => {
    const argv = qemuCommandLine(emulated, guest);
    for (const flag of ["-nodefaults", "-no-user-config", "-no-reboot"]) {
      assert.ok(argv.includes(flag), flag);
    }
    assert.deepEqual(valuesOf(argv, "-sandbox"), [
      "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
    ]);
  });

  it("has the size that was asked for, and a disk that cannot be written to", () => {
    const argv = qemuCommandLine(emulated, guest);
    assert.deepEqual(valuesOf(argv, "-smp"), ["2"]);
    assert.deepEqual(valuesOf(argv, "-m"), ["512M"]);
    assert.match(valuesOf(argv, "-drive").join(), /readonly=on/);
  });

  it("gives the guest a host name that Linux takes, however long the function's is", () => {
    const hostNameOf = (name: string) =>
      / firelet\.hostname=(\S+)/.exec(
        valuesOf(qemuCommandLine(emulated, { ...guest, name }), "-append").join(),
      )?.[1];
    assert.equal(hostNameOf(guest.name), guest.name);
    assert.equal(hostNameOf(`fn-${"x".repeat(63)}-550e8400`), `fn-${"x".repeat(60)}`);
    assert.equal(hostNameOf(`fn-${"x".repeat(59)}-550e8400`), `fn-${"x".repeat(59)}`);
  });

  it("tells an emulated kernel its counter's rate, and leaves out the chip to measure it by", () => {
    const argv = qemuCommandLine(emulated, guest);
    assert.match(valuesOf(argv, "-append").join(), / tsc_early_khz=2596122\b/);
    assert.match(valuesOf(argv, "-M").join(), /pit=off,pic=off/);
  });

  it("leaves the clock to KVM, and passes the processor through", () => {
    const argv = qemuCommandLine(kvm, guest);
    assert.doesNotMatch(valuesOf(argv, "-append").join(), /tsc/);
    assert.deepEqual([valuesOf(argv, "-accel"), valuesOf(argv, "-cpu")], [["kvm"], ["host"]]);
  });
});

describe("qemuCommandLine for snapshots", () => {
  const templates = { shared: true, incoming: false };
  const clones = { shared: false, incoming: true };

  it("has a template's memory in its file, and a clone's as a copy on write", () => {
    const memoryOf = (memory: typeof clones) =>
      valuesOf(qemuCommandLine(emulated, { ...guest, memory }), "-object").find((value) =>
        value.startsWith("memory-backend-file"),
      );
    assert.match(memoryOf(templates) ?? "", /size=512M,mem-path=\/proc\/self\/fd\/7,share=on$/);
    assert.match(memoryOf(clones) ?? "", /share=off$/);
  });

  it("lets a clone wait for its state, and a template run", () => {
    const argv = qemuCommandLine(emulated, { ...guest, memory: clones });
    assert.deepEqual([valuesOf(argv, "-incoming"), argv.includes("-S")], [["defer"], true]);
    assert.ok(!qemuCommandLine(emulated, { ...guest, memory: templates }).includes("-S"));
  });
});

describe("probeCommandLine", () => {
  it("starts a kernel that says that it runs, with neither disk nor network", () => {
    const argv = probeCommandLine(kvm);
    assert.match(valuesOf(argv, "-append").join(), / firelet\.probe\b/);
    assert.deepEqual([...valuesOf(argv, "-drive"), ...valuesOf(argv, "-netdev")], []);
  });
});
