import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { describeStep, type HostView } from "./host-check.ts";
import { checkFirecracker, firecrackerRelease } from "./firecracker.ts";
import { checkHost } from "./host-checks.ts";
import { checkService, serviceUnit } from "./service.ts";

const vulnerabilities = "/sys/devices/system/cpu/vulnerabilities";

/** A host as it should be. */
const fine: Readonly<Record<string, string>> = {
  "/dev/kvm": "",
  "/dev/net/tun": "",
  "/proc/sys/kernel/osrelease": "6.12.0",
  "/proc/mounts": "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,favordynmods 0 0",
  "/proc/swaps": "Filename Type Size Used Priority",
  "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory hugetlb pids",
  "/sys/module/kvm/parameters/nx_huge_pages": "N",
  "/sys/kernel/mm/ksm/run": "0",
  "/sys/devices/system/cpu/smt/active": "0",
  [`${vulnerabilities}/itlb_multihit`]: "Not affected",
  [`${vulnerabilities}/spectre_v2`]: "Mitigation: Enhanced IBRS",
};

/** The same with some files other than that; undefined is none. */
function hostWith(other: Readonly<Record<string, string | undefined>> = {}): HostView {
  const files: Readonly<Record<string, string | undefined>> = { ...fine, ...other };
  return {
    read: async (path) => files[path] ?? null,
    exists: async (path) => files[path] !== undefined,
    list: async (folder) =>
      Object.keys(files)
        .filter((path) => path.startsWith(`${folder}/`) && files[path] !== undefined)
        .map((path) => path.slice(folder.length + 1)),
    versionOf: async (program) => files[`${program} --version`] ?? null,
  };
}

/** All that is not good, as a person reads it. */
async function amiss(other: Readonly<Record<string, string | undefined>>) {
  const found = await checkHost(hostWith(other));
  return found
    .filter(({ state }) => state !== "good")
    .map(({ name, state, found: what, steps, advice }) => ({
      name,
      state,
      what,
      steps: steps.map(describeStep),
      hasAdvice: advice !== undefined,
    }));
}

describe("checkHost", () => {
  it("finds nothing amiss where nothing is", async () => {
    assert.deepEqual(await amiss({}), []);
    // Nor where the kernel has none of it.
    const { "/dev/kvm": kvm, "/dev/net/tun": tun, ...others } = fine;
    const none = Object.fromEntries(Object.keys(others).map((path) => [path, undefined]));
    const found = await amiss({ ...none, "/dev/kvm": kvm, "/dev/net/tun": tun });
    assert.deepEqual(
      found.map(({ name, what }) => [name, what]),
      [["Control groups", "not version 2; version 1 is used where it is writable"]],
    );
  });

  it("says what KVM wants: a module, or another host", async () => {
    const [module] = await amiss({ "/dev/kvm": undefined, "/proc/cpuinfo": "flags : fpu svm x" });
    assert.deepEqual(module, {
      name: "KVM",
      state: "bad",
      what: "/dev/kvm is not there",
      steps: ["modprobe kvm_amd", "write /etc/modules-load.d/firelet.conf"],
      hasAdvice: false,
    });
    const [host] = await amiss({ "/dev/kvm": undefined, "/proc/cpuinfo": "flags : fpu" });
    assert.deepEqual([host?.state, host?.steps, host?.hasAdvice], ["bad", [], true]);
  });

  it("moves VMs to their groups at once, where the kernel is one that waits", async () => {
    const slow = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0";
    const [found] = await amiss({ "/proc/mounts": slow });
    assert.deepEqual(found?.steps, ["mount -o remount,favordynmods /sys/fs/cgroup"]);
    assert.deepEqual(
      await amiss({ "/proc/mounts": slow, "/proc/sys/kernel/osrelease": "5.10.0-9" }),
      [],
    );
  });

  it("takes the guard of huge pages from processors that need none, and from no other", async () => {
    const on = { "/sys/module/kvm/parameters/nx_huge_pages": "Y" };
    const [found] = await amiss(on);
    assert.deepEqual(found?.steps, [
      'echo "options kvm nx_huge_pages=never" >/etc/modprobe.d/firelet.conf',
      'echo "never" >/sys/module/kvm/parameters/nx_huge_pages',
    ]);
    for (const state of ["KVM: Mitigation: Split huge pages", undefined]) {
      assert.deepEqual(await amiss({ ...on, [`${vulnerabilities}/itlb_multihit`]: state }), []);
    }
  });

  it("leaves to people what is theirs to decide", async () => {
    const found = await amiss({
      "/proc/swaps": "Filename Type\n/dev/sda2 partition 8 0 -2\n/swap file 8 0 -3",
      "/sys/devices/system/cpu/smt/active": "1",
      "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu",
      [`${vulnerabilities}/mds`]: "Vulnerable: Clear CPU buffers attempted, no microcode",
    });
    assert.deepEqual(
      found.map(({ name, what, steps, hasAdvice }) => [name, what, steps.length, hasAdvice]),
      [
        ["Control groups", "version 2, without memory, pids", 0, true],
        ["Swap", "/dev/sda2, /swap", 0, true],
        ["Hyper-threading", "on", 0, true],
        ["Faults of the processor", "mds", 0, true],
      ],
    );
  });

  it("switches off what tells one VM of another's memory, now and later", async () => {
    const [found] = await amiss({ "/sys/kernel/mm/ksm/run": "1" });
    assert.deepEqual(found?.steps, [
      'echo "w /sys/kernel/mm/ksm/run - - - - 0" >/etc/tmpfiles.d/firelet.conf',
      'echo "0" >/sys/kernel/mm/ksm/run',
    ]);
  });
});

function findFirecracker(other: Readonly<Record<string, string | undefined>>, places = {}) {
  return checkFirecracker(hostWith(other), { program: "firecracker", ...places });
}

describe("checkFirecracker", () => {
  it("takes a version without faults, and has people replace one that has some", async () => {
    const good = await findFirecracker({
      "firecracker --version": "Firecracker v1.16.1\n\nmore\n",
    });
    assert.deepEqual([good.state, good.found], ["good", "1.16.1"]);
    for (const said of ["Firecracker v1.15.2", "some other program"]) {
      const old = await findFirecracker({ "firecracker --version": said });
      assert.deepEqual([old.state, old.steps], ["advice", []]);
      assert.match(old.advice ?? "", /^Replace it with 1\.16\.1/);
    }
  });

  it("would install the release, from where it is published or from a file", async () => {
    const { archive, ...release } = firecrackerRelease;
    const { steps } = await findFirecracker({});
    assert.deepEqual(steps, [{ install: { archive, ...release } }]);
    assert.match(describeStep(steps[0]!), /^install Firecracker 1\.16\.1 as \/usr\/local\/bin\//);
    const { steps: own } = await findFirecracker({}, { archive: "/media/firecracker.tgz" });
    assert.deepEqual(own, [{ install: { archive: "/media/firecracker.tgz", ...release } }]);
  });

  it("installs nothing without KVM, or where a setting names another place", async () => {
    assert.deepEqual((await findFirecracker({ "/dev/kvm": undefined })).steps, []);
    const named = await findFirecracker({}, { program: "/opt/firecracker" });
    assert.deepEqual([named.steps, named.found], [[], "no /opt/firecracker"]);
  });
});

describe("checkService", () => {
  const launcher = "/opt/fire let/firelet";
  const unit = "/etc/systemd/system/firelet.service";
  const systemd = { "/run/systemd/system": "" };

  it("wants the unit that starts this Firelet", async () => {
    const absent = await checkService(hostWith(systemd), launcher);
    assert.deepEqual(absent.steps.map(describeStep), [`write ${unit}`, "systemctl daemon-reload"]);
    const own = await checkService(hostWith({ [unit]: serviceUnit(launcher).trim() }), launcher);
    assert.equal(own.state, "good");
    const other = { ...systemd, [unit]: serviceUnit("/elsewhere/firelet").trim() };
    assert.match((await checkService(hostWith(other), launcher)).found, /is another$/);
    const none = await checkService(hostWith(), launcher);
    assert.deepEqual([none.state, none.steps, none.found], ["advice", [], "no systemd runs here"]);
  });
});
