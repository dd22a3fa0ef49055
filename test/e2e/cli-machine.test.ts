import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { HostItem } from "../../src/api/host.ts";
import type { TestServices } from "../../src/cli/commands/test.ts";
import type { UpServices } from "../../src/cli/commands/up.ts";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import type {
  DriverReport,
  HostFinding,
  ImageTools,
  MissingTool,
  PackageInstaller,
} from "../../src/cli/machine.ts";
import { cli } from "./cli-harness.ts";

const squashfs: MissingTool = {
  command: "mksquashfs",
  package: "squashfs-tools",
  why: "makes root file systems",
};
const qemu: MissingTool = { command: "qemu", package: "qemu-system-x86", why: "runs VMs" };

const host: HostItem = {
  version: "1.2.3",
  driver: "qemu",
  driver_reason: "the only one that works",
  accelerator: "tcg",
  isolation: "emulated",
  warnings: ["QEMU promises no isolation here"],
  drivers: [],
  network: { kind: "namespace", outbound: true, egress: "internet", notes: [] },
  runtimes: [{ name: "node", interpreter: "Node.js 24", image_digest: null, extensions: [".js"] }],
  capacity: { cpus: 2, memory_mb: 4096, vms: 1000, vm_memory_mb: 3276 },
  use: { functions: 0, vms: 0, vm_memory_mb: 0, snapshots: 0, snapshot_disk_bytes: 0 },
};

/** An installer and image tools that write down what they are asked to do. */
function createMachine({ whyNot = null as string | null, built = false } = {}) {
  const did: string[] = [];
  const installer: PackageInstaller = {
    whyNot: () => whyNot,
    command: (packages) => `get ${packages.join(" ")}`,
    install: async (packages, report) => {
      report("Unpacking", 10);
      report("Unpacking more", 11);
      report("Configuring", 90);
      did.push(`install ${packages.join(" ")}`);
    },
  };
  const state = { runtime: "node", interpreter: "Node.js 24", sizeBytes: 2_097_152 };
  const images: ImageTools = {
    list: async () => [{ ...state, digest: built ? "sha256:1" : null }],
    build: async (runtimes, report) => {
      report("downloading");
      did.push(["build", ...runtimes].join(" "));
      return [{ ...state, digest: "sha256:1" }];
    },
    verify: async () => [{ runtime: "node", problems: built ? [] : ["rootfs is missing"] }],
    missingTools: () => [squashfs],
  };
  return { did, installer, images };
}

type Machine = ReturnType<typeof createMachine>;

/** Services of `up` whose manager is told to end as soon as it has started. */
function composeUp(machine: Machine, fields: Partial<UpServices> = {}) {
  const services: UpServices = {
    dataDir: "/data",
    yes: false,
    installer: machine.installer,
    images: machine.images,
    whyNotListen: async () => null,
    missingTools: () => [squashfs, qemu],
    console: async () => "/console",
    start: async () => {
      machine.did.push("start");
      return {
        url: "http://127.0.0.1:1",
        host: async () => {
          process.emit("SIGTERM", "SIGTERM");
          return host;
        },
        stop: async () => void machine.did.push("stop"),
      };
    },
    ...fields,
  };
  return { up: async () => services };
}

function composeTest(machine: Machine, failing: string[] = []) {
  const run = async (what: string) => {
    machine.did.push(what);
    return !failing.includes(what);
  };
  const services: TestServices = {
    yes: true,
    installer: machine.installer,
    images: machine.images,
    missingTools: () => [squashfs],
    prepareTools: async () => void machine.did.push("tools"),
    checks: ["lint", "types"],
    runCheck: run,
    runTests: (args) => run(["tests", ...args].join(" ")),
  };
  return { test: async () => services };
}

const composeImages = (machine: Machine) => ({ images: async () => machine });

describe("firelet up", () => {
  test("installs, builds, starts, and stops when it is told to", async () => {
    const machine = createMachine();
    const run = await cli(["up"], { services: composeUp(machine) });
    assert.equal(run.code, exitCodes.ok, run.stderr);
    assert.deepEqual(machine.did, [
      "install squashfs-tools qemu-system-x86",
      "build",
      "start",
      "stop",
    ]);
    assert.match(run.stderr, /squashfs-tools {2}makes root file systems/);
    assert.match(run.stderr, /Installing packages …\n {2}10 % Unpacking\n {2}90 % Configuring\n/);
    assert.match(run.stderr, /Preparing runtime images …\n {2}downloading\n/);
    assert.match(run.stderr, /SIGTERM: letting running invocations finish/);
  });

  test("says what runs, how isolated it is, and what to try", async () => {
    const { stdout } = await cli(["up"], { services: composeUp(createMachine({ built: true })) });
    assert.match(stdout, /^Firelet 1\.2\.3 is up$/m);
    assert.match(stdout, /^Console +http:\/\/127\.0\.0\.1:1$/m);
    assert.match(stdout, /^Accelerator +tcg$/m);
    assert.match(stdout, /^Isolation .*QEMU does not promise to contain hostile code/m);
    assert.match(stdout, /^Data +\/data$/m);
    assert.match(stdout, /^Warning: QEMU promises no isolation here$/m);
    assert.match(stdout, /curl -X POST http:\/\/127\.0\.0\.1:1\/v1\/functions /);
  });

  test("runs without a console where that cannot be built, and says why", async () => {
    const services = composeUp(createMachine({ built: true }), {
      console: () => Promise.reject(new Error("EACCES: permission denied")),
    });
    const { code, stdout, stderr } = await cli(["up"], { services });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /Warning: there will be no console: EACCES: permission denied/);
    assert.match(stdout, /^Address +http:\/\/127\.0\.0\.1:1$/m);
  });

  test("installs nothing where nothing is missing, and brings images up to date", async () => {
    const machine = createMachine({ built: true });
    await cli(["up"], { services: composeUp(machine, { missingTools: () => [] }) });
    assert.deepEqual(machine.did, ["build", "start", "stop"]);
  });

  test("builds no images for a driver that has no VMs", async () => {
    const machine = createMachine();
    await cli(["up"], { services: composeUp(machine, { images: null, missingTools: () => [] }) });
    assert.deepEqual(machine.did, ["start", "stop"]);
  });

  test("prints the command where it may not install", async () => {
    const machine = createMachine({ whyNot: "only root may install packages" });
    const run = await cli(["up"], { services: composeUp(machine) });
    assert.equal(run.code, exitCodes.failed);
    assert.match(run.stderr, /only root may.*\n {2}get squashfs-tools qemu-system-x86\n/);
    assert.deepEqual(machine.did, []);
  });

  test("finds out about a taken port before it installs anything", async () => {
    const machine = createMachine();
    const problem = "Cannot listen on 127.0.0.1:1: it is taken";
    const whyNotListen = async () => problem;
    const run = await cli(["up"], { services: composeUp(machine, { whyNotListen }) });
    assert.equal(run.code, exitCodes.failed);
    assert.match(run.stderr, /^firelet: Cannot listen on 127\.0\.0\.1:1: it is taken$/m);
    assert.deepEqual(machine.did, []);
  });
});

describe("firelet test", () => {
  test("prepares the machine, checks, and runs every test", async () => {
    const machine = createMachine();
    const run = await cli(["test"], { services: composeTest(machine) });
    assert.equal(run.code, exitCodes.ok);
    assert.deepEqual(machine.did, [
      "install squashfs-tools",
      "tools",
      "build",
      "lint",
      "types",
      "tests",
    ]);
  });

  test("runs named tests alone, with the runner's options", async () => {
    const machine = createMachine({ built: true });
    const args = ["test/e2e/x.test.ts", "--test-name-pattern=one", "--test-only"];
    await cli(["test", ...args], { services: composeTest(machine) });
    assert.deepEqual(machine.did.slice(3), [`tests ${args.join(" ")}`]);
  });

  test("fails where a check fails, and runs the tests all the same", async () => {
    const machine = createMachine({ built: true });
    const run = await cli(["test"], { services: composeTest(machine, ["lint"]) });
    assert.equal(run.code, exitCodes.failed);
    assert.equal(machine.did.at(-1), "tests");
    assert.match(run.stderr, /Check failed: lint/);
  });

  test("fails where tests fail", async () => {
    const machine = createMachine({ built: true });
    const run = await cli(["test"], { services: composeTest(machine, ["tests"]) });
    assert.equal(run.code, exitCodes.failed);
  });
});

describe("firelet images", () => {
  test("build installs what it needs and builds what is named", async () => {
    const machine = createMachine();
    const run = await cli(["images", "build", "node"], { services: composeImages(machine) });
    assert.deepEqual(machine.did, ["install squashfs-tools", "build node"]);
    assert.match(run.stdout, /^RUNTIME .*\nnode +Node\.js 24 +2\.0 MiB +sha256:1\n$/);
  });

  test("list shows what is not built", async () => {
    const run = await cli(["images", "list"], { services: composeImages(createMachine()) });
    assert.match(run.stdout, /not built: firelet images build/);
  });

  test("verify fails where an image is not what was built", async () => {
    const bad = await cli(["images", "verify"], { services: composeImages(createMachine()) });
    assert.equal(bad.code, exitCodes.failed);
    assert.match(bad.stdout, /node: rootfs is missing/);
    const good = await cli(["images", "verify"], {
      services: composeImages(createMachine({ built: true })),
    });
    assert.equal(good.code, exitCodes.ok);
  });
});

const nothingToDo = { steps: [], advice: null, fix: async () => undefined };
const findings = [
  { name: "KVM", state: "good", found: "there", why: "It is quick.", ...nothingToDo },
  {
    name: "Merging",
    state: "advice",
    found: "on",
    why: "A VM could find out.",
    ...nothingToDo,
    steps: ["switch it off"],
  },
  {
    name: "Swap",
    state: "advice",
    found: "/dev/sda2",
    why: "It outlives a guest.",
    ...nothingToDo,
    advice: "swapoff -a",
  },
] as const satisfies readonly HostFinding[];

/** A host of which each thing can be set up; `failing` cannot. */
function createHost(failing = "") {
  const done: string[] = [];
  const services = {
    whyNotFix: (): string | null => null,
    findings: async (): Promise<readonly HostFinding[]> =>
      findings.map((finding): HostFinding => {
        const { name } = finding;
        if (done.includes(name)) return { ...finding, state: "good", found: "off", steps: [] };
        const fix = async () => {
          if (name === failing) throw new Error("it is read-only");
          done.push(name);
        };
        return { ...finding, fix };
      }),
  };
  return { done, services, compose: async () => services };
}

describe("firelet host setup", () => {
  test("says what is amiss, why, and what to do, and does nothing", async () => {
    const { done, compose } = createHost();
    const { code, stdout } = await cli(["host", "setup"], { services: { host: compose } });
    assert.equal(code, exitCodes.ok);
    assert.equal(
      stdout,
      `✔ KVM: there
! Merging: on
    A VM could find out.
    To do: switch it off
! Swap: /dev/sda2
    It outlives a guest.
    For you to decide: swapoff -a
To do all of this: firelet host setup --fix
`,
    );
    assert.deepEqual(done, []);
  });

  test("does what can be done where it is told to, and says what it does", async () => {
    const { done, compose } = createHost();
    const { code, stdout, stderr } = await cli(["host", "setup", "--fix"], {
      services: { host: compose },
    });
    assert.equal(code, exitCodes.ok);
    assert.deepEqual(done, ["Merging"]);
    assert.equal(stderr, "Merging: switch it off\n");
    assert.match(stdout, /^✔ Merging: off$/m);
  });

  test("goes on where something cannot be done", async () => {
    const { compose } = createHost("Merging");
    const { stdout, stderr } = await cli(["host", "setup", "--fix"], {
      services: { host: compose },
    });
    assert.match(stderr, /Warning: Merging stays as it is: it is read-only/);
    assert.match(stdout, /^! Merging: on$/m);
  });

  test("does nothing where it may not", async () => {
    const { done, services } = createHost();
    const compose = async () => ({ ...services, whyNotFix: () => "that takes root" });
    const { code, stderr } = await cli(["host", "setup", "--fix"], { services: { host: compose } });
    assert.equal(code, exitCodes.failed);
    assert.match(stderr, /Cannot set this machine up: that takes root/);
    assert.deepEqual(done, []);
  });

  test("fails where VMs cannot run under KVM", async () => {
    const bad = { ...findings[0], state: "bad", found: "it is not there" } as const;
    const compose = async () => ({ findings: async () => [bad], whyNotFix: () => null });
    const { code, stdout } = await cli(["host", "setup", "--json"], {
      services: { host: compose },
    });
    assert.equal(code, exitCodes.failed);
    const { fix: _, ...said } = bad;
    assert.deepEqual(JSON.parse(stdout), [said]);
  });
});

describe("firelet doctor", () => {
  const unusable = {
    driver: "firecracker",
    usable: false,
    version: null,
    accelerator: null,
    isolation: null,
    notes: [],
    reason: "/dev/kvm is not there",
    remedy: "a host with KVM",
  };
  const network: DriverReport["network"] = {
    kind: "namespace",
    outbound: true,
    egress: "internet",
    notes: [],
  };

  test("prints every driver with its reasons, and fails where none is left", async () => {
    const report = { drivers: [unusable], choice: null, network, host: [] };
    const probeDrivers = async () => report;
    const run = await cli(["doctor"], { services: { probeDrivers } });
    assert.equal(run.code, exitCodes.failed);
    assert.match(
      run.stdout,
      /firecracker: not usable\n +\/dev\/kvm is not there\n +To use it: a host/,
    );
  });

  test("names the driver that up takes", async () => {
    const usable = { ...unusable, driver: "qemu", usable: true, version: "QEMU 7.2" };
    const choice = { driver: "qemu", reason: "the only one" };
    const probeDrivers = async () => ({ drivers: [usable], choice, network, host: [findings[1]] });
    const run = await cli(["doctor"], { services: { probeDrivers } });
    assert.equal(run.code, exitCodes.ok);
    assert.match(run.stdout, /firelet up takes qemu: the only one/);
    assert.match(run.stdout, /^✔ network: a namespace for each VM; /m);
    assert.match(
      run.stdout,
      /^! Merging: on\n {4}A VM could find out\.\n {4}To do: switch it off$/m,
    );
  });

  test("says why VMs have no network of their own", async () => {
    const notes = ["Functions connect to nothing: nft is not installed"];
    const report = {
      drivers: [unusable],
      choice: null,
      network: { ...network, kind: "user", outbound: false, notes } as const,
      host: [],
    };
    const probeDrivers = async () => report;
    const { stdout } = await cli(["doctor"], { services: { probeDrivers } });
    assert.match(
      stdout,
      /^! network: VMs have no namespaces.*\n {4}Functions connect.*nft is not/m,
    );
    const json = await cli(["doctor", "--json"], { services: { probeDrivers } });
    assert.deepEqual(JSON.parse(json.stdout), report);
  });
});

describe("firelet version and help", () => {
  test("print the version", async () => {
    assert.match((await cli(["version"])).stdout, /^Firelet 1\.2\.3, on Node 2\d\./);
    assert.equal((await cli(["--version"])).stdout, "Firelet 1.2.3\n");
  });

  test("help goes to standard output where it is asked for, else to standard error", async () => {
    const asked = await cli(["--help"]);
    assert.equal(asked.code, exitCodes.ok);
    assert.match(asked.stdout, /Exit codes:/);
    const group = await cli(["functions"]);
    assert.equal(group.code, exitCodes.usage);
    assert.equal(group.stdout, "");
    assert.match(group.stderr, /Usage: firelet functions/);
  });
});
