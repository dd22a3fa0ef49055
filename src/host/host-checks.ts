import { isBefore } from "../lib/version-order.ts";
import type { HostCheck, HostView, SetupStep } from "./host-check.ts";

/**
 * What Firecracker's guide for production hosts wants (docs/prod-host-setup.md of Firecracker), as
 * far as it is the same for all VMMs, and what Firelet needs.
 */
export async function checkHost(host: HostView): Promise<readonly HostCheck[]> {
  const checks = [kvm, tun, controlGroups, groupMoves, hugePages, swap, samePages, threads, faults];
  return Promise.all(checks.map((check) => check(host)));
}

/** Where modules are named that a host loads when it starts. */
const modulesFile = "/etc/modules-load.d/firelet.conf";

async function kvm(host: HostView): Promise<HostCheck> {
  const about = { name: "KVM", why: "Without it VMs are emulated, at a tenth of the speed." };
  if (await host.exists("/dev/kvm")) return good(about, "/dev/kvm is there");
  const found = "/dev/kvm is not there";
  const flags = (await host.read("/proc/cpuinfo")) ?? "";
  const module = /\bvmx\b/.test(flags) ? "kvm_intel" : /\bsvm\b/.test(flags) ? "kvm_amd" : null;
  if (module === null) {
    const advice =
      "Turn on virtualization (VT-x, AMD-V) in the firmware, or take a host that has it: on most clouds that is bare metal, or an instance with nested virtualization";
    return {
      ...about,
      state: "bad",
      found: `${found}, nor has the processor it`,
      steps: [],
      advice,
    };
  }
  return { ...about, state: "bad", found, steps: loading(["tun", module], module) };
}

async function tun(host: HostView): Promise<HostCheck> {
  const about = { name: "Network devices", why: "Each VM has a tap in a namespace of its own." };
  if (await host.exists("/dev/net/tun")) return good(about, "/dev/net/tun is there");
  return {
    ...about,
    state: "bad",
    found: "/dev/net/tun is not there",
    steps: loading(["tun"], "tun"),
  };
}

/** Loads `now`, and names all of them for the next start of the host. */
function loading(all: readonly string[], now: string): SetupStep[] {
  return [{ run: ["modprobe", now] }, { write: modulesFile, text: `${all.join("\n")}\n` }];
}

const groups = "/sys/fs/cgroup";

async function controlGroups(host: HostView): Promise<HostCheck> {
  const about = {
    name: "Control groups",
    why: "They hold each VM to its memory, its processors and its number of processes.",
  };
  const controllers = await host.read(`${groups}/cgroup.controllers`);
  if (controllers === null) {
    const advice = "Boot with systemd.unified_cgroup_hierarchy=1 on the kernel's command line";
    return {
      ...about,
      state: "advice",
      found: "not version 2; version 1 is used where it is writable",
      steps: [],
      advice,
    };
  }
  const known = new Set(controllers.split(" "));
  const missing = ["cpu", "memory", "pids"].filter((name) => !known.has(name));
  if (missing.length === 0) return good(about, "version 2");
  const found = `version 2, without ${missing.join(", ")}`;
  return { ...about, state: "advice", found, steps: [], advice: "Take a kernel that has them" };
}

/** The mount option is known from Linux 6.0 on, and needed from 6.1 on. */
async function groupMoves(host: HostView): Promise<HostCheck> {
  const about = {
    name: "Moving to control groups",
    why: "From Linux 6.1 on, moving a VM into its group may take up to 100 ms without favordynmods.",
  };
  const mounts = (await host.read("/proc/mounts")) ?? "";
  const options = mounts
    .split("\n")
    .map((line) => line.split(" "))
    .find(([, place, type]) => place === groups && type === "cgroup2")?.[3];
  if (options === undefined) return good(about, "no version 2");
  if (options.split(",").includes("favordynmods")) return good(about, "favordynmods is on");
  if (isBefore(await kernelOf(host), [6, 1])) return good(about, "fast with this kernel");
  const found = "favordynmods is off";
  return { ...about, state: "advice", found, steps: [{ run: remount }] };
}

/** Holds until the host starts again; the service does it each time. */
export const remount = ["mount", "-o", "remount,favordynmods", groups] as const;

const pages = "/sys/module/kvm/parameters/nx_huge_pages";

async function hugePages(host: HostView): Promise<HostCheck> {
  const about = {
    name: "KVM's guard of huge pages",
    why: "It makes each start of a VM wait, up to 100 ms, and guards processors that need it.",
  };
  const value = await host.read(pages);
  if (value === null) return good(about, "KVM has none");
  if (["N", "never", "off"].includes(value)) return good(about, "off");
  const affected = await host.read("/sys/devices/system/cpu/vulnerabilities/itlb_multihit");
  if (affected !== "Not affected") {
    return good(about, `on, as this processor needs it (iTLB multihit: ${affected ?? "unknown"})`);
  }
  const steps = [
    { write: "/etc/modprobe.d/firelet.conf", text: "options kvm nx_huge_pages=never\n" },
    { write: pages, text: "never\n" },
  ];
  return { ...about, state: "advice", found: "on, and this processor needs none", steps };
}

async function swap(host: HostView): Promise<HostCheck> {
  const about = {
    name: "Swap",
    why: "What is in a guest's memory may be written to a disk that outlives it.",
  };
  const [, ...used] = ((await host.read("/proc/swaps")) ?? "").split("\n");
  if (used.length === 0) return good(about, "none");
  const found = used.map((line) => line.split(/\s/)[0]).join(", ");
  const advice = "Run swapoff -a, and take swap out of /etc/fstab, or encrypt it";
  return { ...about, state: "advice", found, steps: [], advice };
}

const merging = "/sys/kernel/mm/ksm/run";

async function samePages(host: HostView): Promise<HostCheck> {
  const about = {
    name: "Merging of same pages",
    why: "A VM could find out, by the time that a write takes, what is in another's memory.",
  };
  if (((await host.read(merging)) ?? "0") === "0") return good(about, "off");
  const steps = [
    { write: "/etc/tmpfiles.d/firelet.conf", text: `w ${merging} - - - - 0\n` },
    { write: merging, text: "0\n" },
  ];
  return { ...about, state: "advice", found: "on", steps };
}

async function threads(host: HostView): Promise<HostCheck> {
  const about = {
    name: "Hyper-threading",
    why: "Two VMs on the threads of one core may learn of each other through what these share.",
  };
  if ((await host.read("/sys/devices/system/cpu/smt/active")) !== "1") return good(about, "off");
  const advice = "Where functions of people who do not trust each other run, boot with nosmt";
  return { ...about, state: "advice", found: "on", steps: [], advice };
}

async function faults(host: HostView): Promise<HostCheck> {
  const about = {
    name: "Faults of the processor",
    why: "What is not mitigated, a guest may use to read what is not its own.",
  };
  const folder = "/sys/devices/system/cpu/vulnerabilities";
  const names = await host.list(folder);
  const states = await Promise.all(names.map((name) => host.read(`${folder}/${name}`)));
  const open = names.filter((_, index) => states[index]?.startsWith("Vulnerable"));
  if (open.length === 0) return good(about, "none is known that is not mitigated");
  const advice = "Update microcode and kernel, and boot without mitigations=off";
  return { ...about, state: "advice", found: open.join(", "), steps: [], advice };
}

function good(about: Pick<HostCheck, "name" | "why">, found: string): HostCheck {
  return { ...about, state: "good", found, steps: [] };
}

type KernelVersion = readonly [major: number, minor: number];

/** 0.0 where it does not say. */
async function kernelOf(host: HostView): Promise<KernelVersion> {
  const [, major = "0", minor = "0"] =
    /^(\d+)\.(\d+)/.exec((await host.read("/proc/sys/kernel/osrelease")) ?? "") ?? [];
  return [Number(major), Number(minor)];
}
