import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import type { HostServices } from "./cli/commands/host.ts";
import type { ImageServices } from "./cli/commands/images.ts";
import type { TestServices } from "./cli/commands/test.ts";
import type { UpFlags, UpServices } from "./cli/commands/up.ts";
import type { DriverReport, HostFinding, ImageTools, PackageInstaller } from "./cli/machine.ts";
import { FireletClient } from "./client/client.ts";
import { type Config, type ConfigFlags, loadConfig } from "./config.ts";
import { builtConsole } from "./console/built-console.ts";
import { toDriverItem, toNetworkItem } from "./http/wire-mapping.ts";
import { buildImages } from "./images/build-images.ts";
import { imageBuildTools } from "./images/build-tools.ts";
import { BuiltImageCatalog } from "./images/built-image-catalog.ts";
import { listImages, verifyImages } from "./images/list-images.ts";
import { namespaceTools } from "./network/namespace-tools.ts";
import { portHolder, whyNotListen } from "./os/port-holder.ts";
import { hasPythonPackages, installPythonPackages } from "./os/python-packages.ts";
import {
  findMissingTools,
  installCommand,
  installPackages,
  type SystemTool,
  whyNotInstall,
} from "./os/system-packages.ts";

const root = join(import.meta.dirname, "..");

/** The data folder that holds the tests' images. */
const testData = join(root, ".firelet/test-images");

/** The requirements of the program that calls the API by its document, and where it is installed. */
const schemathesis = [
  join(root, "test/openapi/requirements.txt"),
  join(root, ".firelet/schemathesis"),
] as const;

/** What `up` needs for one set of flags. Rejects with `ConfigError`. */
export async function composeUp(flags: UpFlags, version: string): Promise<UpServices> {
  const config = readConfig(settingsOf(flags));
  const startsVms = config.driver !== "process";
  return {
    dataDir: config.dataDir,
    yes: config.yes,
    installer,
    images: startsVms ? imageTools(config.dataDir) : null,
    whyNotListen: () => describeListening(config),
    missingTools: () => findMissingTools(startsVms ? vmTools(config) : processTools),
    console: builtConsole,
    async start(consoleFolder) {
      const { startManager } = await import("./manager-main.ts");
      const manager = await startManager(config, { version, consoleFolder });
      const client = new FireletClient(manager.url);
      return { url: manager.url, host: () => client.getHost(), stop: () => manager.stop() };
    },
  };
}

/** What `test` needs: tests have images of their own, and use nothing that a manager left. */
export async function composeTest(): Promise<TestServices> {
  const config = readConfig({});
  return {
    yes: config.yes,
    installer,
    images: imageTools(testData),
    missingTools: () => findMissingTools([...vmTools(config), ...processTools, ...testTools]),
    prepareTools: async (report) => {
      await builtConsole(() => report("the console"));
      if (await hasPythonPackages(...schemathesis)) return;
      report("schemathesis, from test/openapi/requirements.txt into .firelet/schemathesis");
      await installPythonPackages(...schemathesis);
    },
    checks: checkScripts(),
    runCheck: (name) => runNode(["--run", name], {}),
    runTests: (args) => {
      const env = { FIRELET_TEST_IMAGES: testData, REQUIRE_VM: "1", REQUIRE_TOOLS: "1" };
      return runNode([...runnerOptions, ...withTestFiles(args)], env, testMinutes);
    },
  };
}

/** The flags by the names of the settings that they are about. */
function settingsOf(flags: UpFlags): ConfigFlags {
  const { data, firecrackerBin, jailerBin, jailer, ...others } = flags;
  return {
    ...others,
    ...(data !== undefined && { dataDir: data }),
    ...(firecrackerBin !== undefined && { firecrackerPath: firecrackerBin }),
    ...(jailerBin !== undefined && { jailerPath: jailerBin }),
    ...(jailer === false && { jailer: "no" }),
  };
}

/** What the image commands need. */
export async function composeImages(): Promise<ImageServices> {
  return { installer, images: imageTools(readConfig({}).dataDir) };
}

/** What the host commands need. */
export async function composeHost(): Promise<HostServices> {
  const isRoot = process.geteuid?.() === 0;
  return { findings: findHost, whyNotFix: () => (isRoot ? null : "that takes root") };
}

async function findHost(archive?: string): Promise<HostFinding[]> {
  const { checkFirecracker } = await import("./host/firecracker.ts");
  const { checkHost } = await import("./host/host-checks.ts");
  const { checkService } = await import("./host/service.ts");
  const { describeStep } = await import("./host/host-check.ts");
  const { hostView, takeStep } = await import("./host/this-host.ts");
  const view = hostView();
  const program = readConfig({}).firecrackerPath ?? "firecracker";
  const more = [
    await checkFirecracker(view, { program, archive: archive && resolve(archive) }),
    await checkService(view, join(root, "firelet")),
  ];
  return [...(await checkHost(view)), ...more].map(({ steps, advice = null, ...check }) => ({
    ...check,
    steps: steps.map(describeStep),
    advice,
    async fix() {
      for (const step of steps) await takeStep(step);
    },
  }));
}

/** Starts something with every driver, to see which of them work here. */
export async function probeDrivers(): Promise<DriverReport> {
  const config = readConfig({});
  const { createDrivers } = await import("./drivers/registry.ts");
  const images = new BuiltImageCatalog({ dataDir: config.dataDir, overrides: config.images });
  const { openHostNetwork, probeNetwork } = await import("./network/open-network.ts");
  const { LoopbackNetwork } = await import("./network/loopback-network.ts");
  const startsVms = config.driver !== "process";
  const facts = startsVms ? await probeNetwork(config.network) : openHostNetwork().facts;
  // Drivers are tried without a network, and told what VMs would have.
  const network = new LoopbackNetwork(facts);
  const drivers = createDrivers({ ...config.limits, ...config, network, images });
  const probes = await drivers.probeAll();
  return {
    network: toNetworkItem(facts),
    host: await findHost(),
    drivers: probes.map(({ kind, probe }) => toDriverItem(kind, probe)),
    choice: await drivers.choose(config.driver).then(
      ({ driver, reason }) => ({ driver: driver.kind, reason }),
      () => null,
    ),
  };
}

function readConfig(flags: ConfigFlags): Config {
  const { env } = process;
  const isRoot = process.getuid?.() === 0;
  return loadConfig({ flags, env, isRoot, home: homedir(), cwd: process.cwd() });
}

const installer: PackageInstaller = {
  whyNot: () => whyNotInstall(),
  command: installCommand,
  install: installPackages,
};

function imageTools(dataDir: string): ImageTools {
  return {
    list: () => listImages(dataDir),
    build: (names, report) => buildImages({ dataDir, names, onProgress: report }),
    verify: () => verifyImages(dataDir),
    missingTools: () => findMissingTools(imageBuildTools),
  };
}

const processTools: readonly SystemTool[] = [
  { command: "python3", package: "python3", why: "runs Python functions as plain processes" },
];

const testTools: readonly SystemTool[] = [
  { command: "curl", package: "curl", why: "tests run the specification's commands" },
  { command: "jq", package: "jq", why: "tests run the specification's commands" },
  { command: "mkfs.ext4", package: "e2fsprogs", why: "tests boot a root file system of their own" },
  { command: "git", package: "git", why: "tests look at the files of the project" },
  { command: "dig", package: "bind9-dnsutils", why: "tests ask the name server with it" },
  { command: "openssl", package: "openssl", why: "tests serve HTTPS to microVMs" },
  { command: "chromium", package: "chromium", why: "tests open the page /docs with it" },
  { command: "pip3", package: "python3-pip", why: "gets schemathesis, which tests the API" },
  { command: "setpriv", package: "util-linux", why: "ends what a test started with the test" },
  { command: "cc", package: "build-essential", why: "tests run the guest's agent on the host" },
];

function vmTools({ network, qemuPath }: Config): SystemTool[] {
  const qemu =
    process.arch === "arm64"
      ? { command: "qemu-system-aarch64", package: "qemu-system-arm" }
      : { command: "qemu-system-x86_64", package: "qemu-system-x86" };
  const why = "runs the microVMs";
  const networked = process.getuid?.() === 0 && network.mode !== "user";
  return [
    ...(qemuPath === null ? [{ ...qemu, why }] : []),
    ...(networked ? namespaceTools : []),
    ...imageBuildTools,
  ];
}

async function describeListening({ host, port }: Config): Promise<string | null> {
  const code = await whyNotListen(host, port);
  if (code === null) return null;
  const address = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  const choose = "choose another with --port or FIRELET_PORT";
  if (code === "EACCES") return `Cannot listen on ${address}: only root may use it; ${choose}`;
  if (code !== "EADDRINUSE") return `Cannot listen on ${address}: ${code}`;
  const holder = portHolder(port) ?? "another user's program";
  const isManager = await answersAsManager(`http://${address}`);
  return isManager
    ? `Cannot listen on ${address}: a Firelet manager runs there already, ${holder}; ${choose} and another folder with --data`
    : `Cannot listen on ${address}: the port is taken by ${holder}; ${choose}, or stop it`;
}

async function answersAsManager(url: string): Promise<boolean> {
  const health = new FireletClient(url).getHealth().then(
    ({ status }) => status === "ok",
    () => false,
  );
  const { promise: tooLong, resolve: giveUp } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => giveUp(false), 1000);
  const answer = await Promise.race([health, tooLong]);
  clearTimeout(timer);
  return answer;
}

/** The steps of `npm run check`. */
function checkScripts(): string[] {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  return [...(scripts["check"] ?? "").matchAll(/npm run (\S+)/g)].map(([, name]) => name ?? "");
}

/** When a run is ended, also where a test keeps its file from ending; the whole takes a fifth. */
const testMinutes = 50;

const runnerOptions = [
  "--disable-warning=ExperimentalWarning",
  "--test",
  // Many tests wait for something most of the time; more at once than this disturb those that measure.
  "--test-concurrency=3",
  // One that waits for what never comes fails by name; suites count with all that is in them.
  "--test-timeout=1200000",
  `--test-reporter=${join(root, "test/support/test-reporter.ts")}`,
];

/** The arguments, with all test files where they name none. */
function withTestFiles(args: readonly string[]): readonly string[] {
  const namesFile = args.some((arg) => !arg.startsWith("-"));
  // The runner works in the project's folder, and the user maybe not.
  return namesFile
    ? args.map((arg) => (existsSync(arg) ? resolve(arg) : arg))
    : [...args, "src/**/*.test.ts", "test/**/*.test.ts", "web/src/**/*.test.ts"];
}

/**
 * Runs this Node, and programs that ask for `node` with it; resolves to whether it went well, and
 * within `minutes`.
 */
async function runNode(
  args: readonly string[],
  defaults: Record<string, string>,
  minutes = 0,
): Promise<boolean> {
  const path = [dirname(process.execPath), process.env["PATH"] ?? ""].join(delimiter);
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...defaults, ...process.env, PATH: path },
    stdio: "inherit",
    timeout: minutes * 60_000,
  });
  const [code] = (await once(child, "exit")) as [number | null];
  if (child.killed) console.error(`Did not end within ${minutes} minutes, and was ended.`);
  return code === 0;
}
