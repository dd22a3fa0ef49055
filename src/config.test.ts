import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { settings } from "./config-settings.ts";
import { loadConfig, type ConfigSources } from "./config.ts";

const folder = mkdtempSync(join(tmpdir(), "firelet-config-"));
after(() => rmSync(folder, { recursive: true }));

let files = 0;

function writeConfig(content: unknown): string {
  const name = join(folder, `${++files}.json`);
  writeFileSync(name, typeof content === "string" ? content : JSON.stringify(content));
  return name;
}

function load(sources: Partial<ConfigSources> = {}) {
  return loadConfig({ flags: {}, env: {}, home: folder, isRoot: false, cwd: "/work", ...sources });
}

/** Loads with a configuration file of this content. */
function loadFile(content: unknown) {
  return load({ flags: { config: writeConfig(content) } });
}

describe("loadConfig", () => {
  test("has a default for everything", () => {
    const config = load();
    assert.equal(config.host, "127.0.0.1");
    assert.equal(config.port, 18_080);
    assert.equal(config.driver, "auto");
    assert.equal(config.yes, false);
    assert.equal(config.qemuPath, null);
    assert.equal(config.firecrackerPath, null);
    assert.deepEqual([config.jailer, config.jailerPath], [true, null]);
    assert.deepEqual(config.images, {});
    assert.equal(config.limits.drainMs, 10_000);
    assert.equal(config.retention.invocationsPerFunction, 100_000);
  });

  test("takes a flag before the environment, the environment before the file", () => {
    const config = writeConfig({ port: 1003, driver: "process", logLevel: "debug" });
    const env = { FIRELET_PORT: "1002", FIRELET_DRIVER: "qemu", FIRELET_CONFIG: config };
    const loaded = load({ env, flags: { port: "1001" } });
    assert.equal(loaded.port, 1001);
    assert.equal(loaded.driver, "qemu");
    assert.equal(loaded.logLevel, "debug");
  });

  test("takes an empty variable for one that is not set", () => {
    assert.equal(load({ env: { FIRELET_PORT: "" } }).port, 18_080);
  });

  test("reads groups from the file and from the environment", () => {
    const config = writeConfig({ limits: { drainMs: 5 }, retention: { invocationDays: 7 } });
    const loaded = load({ flags: { config }, env: { FIRELET_CONCURRENT_DEPLOYS: "4" } });
    assert.deepEqual(
      [loaded.limits.drainMs, loaded.limits.concurrentDeploys, loaded.retention.invocationDays],
      [5, 4, 7],
    );
  });

  test("reads what VMs' networks are to be, lists with commas where they are text", () => {
    const config = writeConfig({
      network: { range: "10.96.0.0/12", egress: ["internet", "10.1.2.3:5432"], connections: 7 },
    });
    const env = {
      FIRELET_NETWORK_MODE: "user",
      FIRELET_NAME_SERVERS: "9.9.9.9, 9.9.9.9:5353,2620:fe::9,[2620:fe::9]:53",
    };
    assert.deepEqual(load({ flags: { config }, env }).network, {
      mode: "user",
      range: "10.96.0.0/12",
      egress: ["internet", "10.1.2.3:5432"],
      readySlots: 8,
      connections: 7,
      bandwidthMbit: 0,
      nameServers: [
        { address: "9.9.9.9", port: 53 },
        { address: "9.9.9.9", port: 5353 },
        { address: "2620:fe::9", port: 53 },
        { address: "2620:fe::9", port: 53 },
      ],
    });
    const egressOf = (text: string) => load({ env: { FIRELET_EGRESS: text } }).network.egress;
    assert.equal(egressOf("none"), "none");
    assert.equal(egressOf("internet"), "internet");
    assert.deepEqual(egressOf("*.example.com:443, internet"), ["*.example.com:443", "internet"]);
    assert.deepEqual(loadFile({ network: { egress: [] } }).network.egress, []);
  });

  test("traces nothing unless it is told where to", () => {
    assert.deepEqual(load().telemetry, { otlpEndpoint: null, traceRatio: 1 });
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318",
      OTEL_TRACES_SAMPLER_ARG: "0.25",
    };
    const traced = { otlpEndpoint: "http://collector:4318", traceRatio: 0.25 };
    assert.deepEqual(load({ env }).telemetry, traced);
    assert.deepEqual(loadFile({ telemetry: traced }).telemetry, traced);
  });

  test("keeps its data where the user's data belongs", () => {
    assert.equal(load({ isRoot: true }).dataDir, "/var/lib/firelet");
    assert.equal(load().dataDir, join(folder, ".local/share/firelet"));
    assert.equal(load({ env: { XDG_DATA_HOME: "/data" } }).dataDir, "/data/firelet");
    assert.equal(
      load({ env: { XDG_DATA_HOME: "data" } }).dataDir,
      join(folder, ".local/share/firelet"),
    );
  });

  test("resolves paths against the folder they were written in, and ~ against home", () => {
    assert.equal(load({ flags: { dataDir: "here" } }).dataDir, "/work/here");
    assert.equal(load({ env: { FIRELET_DATA: "~/there" } }).dataDir, join(folder, "there"));
    const config = loadFile({ dataDir: "data", images: { node: { rootfs: "node.squashfs" } } });
    assert.equal(config.dataDir, join(folder, "data"));
    assert.deepEqual(config.images, { node: { rootfs: join(folder, "node.squashfs") } });
  });

  test("reads --yes and its variable as an answer", () => {
    assert.equal(load({ flags: { yes: true } }).yes, true);
    assert.equal(load({ env: { FIRELET_YES: "yes" } }).yes, true);
    assert.equal(load({ env: { FIRELET_YES: "0" } }).yes, false);
    assert.throws(() => load({ env: { FIRELET_YES: "maybe" } }), {
      message: 'Cannot use FIRELET_YES: found "maybe", wanted true or false',
    });
  });

  test("is frozen to the bottom", () => {
    const config = loadFile({ images: { node: { kernel: "/k" } } });
    assert.ok(Object.isFrozen(config));
    assert.ok(Object.isFrozen(config.limits));
    assert.ok(Object.isFrozen(config.images["node"]));
  });
});

describe("loadConfig refuses", () => {
  test("a flag, naming it, what was found and what is allowed", () => {
    assert.throws(() => load({ flags: { port: "eighty" } }), {
      name: "ConfigError",
      message: 'Cannot use --port: found "eighty", wanted a whole number from 0 to 65535',
    });
  });

  test("a variable that is out of range", () => {
    assert.throws(() => load({ env: { FIRELET_PORT: "70000" } }), {
      message: "Cannot use FIRELET_PORT: found 70000, wanted a whole number from 0 to 65535",
    });
  });

  test("text in the file where a number is wanted", () => {
    const config = writeConfig({ limits: { drainMs: "10" } });
    assert.throws(() => load({ flags: { config } }), {
      message: `Cannot use "limits.drainMs" in ${config}: found "10", wanted a whole number from 0 to 900000`,
    });
  });

  test("a driver that does not exist", () => {
    assert.throws(() => load({ flags: { driver: "docker" } }), {
      message:
        'Cannot use --driver: found "docker", wanted one of auto, firecracker, qemu, process',
    });
  });

  for (const range of ["198.18.0.0", "198.18.0.1/16", "10.0.0.0/7", "10.0.0.0/29", "127.0.0.0/8"]) {
    test(`VMs' addresses from ${range}`, () => {
      assert.throws(() => load({ env: { FIRELET_NETWORK_RANGE: range } }), {
        name: "ConfigError",
        message: `Cannot use FIRELET_NETWORK_RANGE: found "${range}", wanted an IPv4 block from /8 to /28 that is no loopback, link-local or multicast one, such as 198.18.0.0/16`,
      });
    });
  }

  test("an egress policy that is none", () => {
    for (const text of ["everything or nothing", "internet,,none", "169.254.169.254", "[::1]:53"]) {
      assert.throws(
        () => load({ env: { FIRELET_EGRESS: text } }),
        /^ConfigError: Cannot use FIRELET_EGRESS: found \[".*\], wanted "none", "internet", or a list/,
      );
    }
    const config = writeConfig({ network: { egress: "10.0.0.0/8" } });
    assert.throws(() => load({ flags: { config } }), {
      message: new RegExp(`Cannot use "network.egress" in ${config}: found "10.0.0.0/8", wanted`),
    });
  });

  test("a collector's address that is none, and a share that is none", () => {
    for (const text of ["localhost:4318", "ftp://collector", "collector"]) {
      assert.throws(() => load({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: text } }), {
        message: `Cannot use OTEL_EXPORTER_OTLP_ENDPOINT: found "${text}", wanted an address that starts with http:// or https://`,
      });
    }
    for (const text of ["1.5", "-1", "half", "."]) {
      assert.throws(
        () => load({ env: { OTEL_TRACES_SAMPLER_ARG: text } }),
        /^ConfigError: Cannot use OTEL_TRACES_SAMPLER_ARG: found .*, wanted a number from 0 to 1$/,
      );
    }
  });

  test("name servers that are no addresses", () => {
    for (const text of [
      "dns.example",
      "9.9.9.9:0",
      "9.9.9.9:65536",
      "[9.9.9.9]:53",
      "::1:x",
      ",",
    ]) {
      assert.throws(
        () => load({ env: { FIRELET_NAME_SERVERS: text } }),
        /^ConfigError: Cannot use FIRELET_NAME_SERVERS: found \[.*\], wanted a list of IPv4 or IPv6/,
      );
    }
  });

  test("an unknown key, naming the nearest", () => {
    const config = writeConfig({ prot: 1 });
    assert.throws(() => load({ flags: { config } }), {
      message: `Cannot use "prot" in ${config}: there is no such setting; did you mean "port"?`,
    });
    assert.throws(
      () => loadFile({ limits: { drainms: 1 } }),
      /no such setting; did you mean "limits\.drainMs"\?/,
    );
    assert.throws(
      () => loadFile({ images: { node: { rootFs: "/r" } } }),
      /did you mean "images\.node\.rootfs"\?/,
    );
  });

  test("an unknown key that resembles none, listing them", () => {
    assert.throws(() => loadFile({ colour: "red" }), /no such setting; wanted one of host, port/);
  });

  test("a group or an image that is no object", () => {
    assert.throws(() => loadFile({ limits: 3 }), /"limits" in .*: found 3, wanted an object/);
    assert.throws(() => loadFile({ images: { node: "/r" } }), /"images.node" in .*: found "\/r"/);
    assert.throws(() => loadFile({ images: { node: { kernel: 4 } } }), /found 4, wanted a path/);
    assert.throws(() => loadFile([]), /found \[\], wanted an object/);
  });

  test("a file that is no JSON or not there", () => {
    assert.throws(
      () => loadFile("{port: 1}"),
      /^ConfigError: Cannot read the configuration .*JSON/,
    );
    assert.throws(() => load({ flags: { config: "/nowhere/c.json" } }), {
      message: "Cannot read the configuration /nowhere/c.json: no such file",
    });
  });

  for (const host of ["0.0.0.0", "::", "192.168.1.4", "example.com", "127.example.com"]) {
    test(`to listen on ${host}`, () => {
      assert.throws(
        () => load({ flags: { host } }),
        (error: Error) => {
          assert.ok(error.message.startsWith(`Cannot listen on "${host}": --host `));
          assert.match(error.message, /only loopback addresses .*while there are no API keys/);
          return true;
        },
      );
    });
  }

  for (const host of ["127.0.0.1", "127.1.2.3", "::1", "localhost"]) {
    test(`not to listen on ${host}`, () => assert.equal(load({ flags: { host } }).host, host));
  }
});

test("docs/configuration.md has a row for every setting", () => {
  const page = readFileSync(new URL("../docs/configuration.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| `([\w.]+)` \| (.*?) \| `(\w+)` \| (.*?) \|/gm)].map(
    ([, key, flag, env, initial]) => [key, flag, env, initial],
  );
  const expected = Object.entries(settings).map(([key, { flag, env, default: initial }]) => [
    key,
    flag ? `\`${flag}\`` : "",
    env,
    String(initial) === "" ? rows.find(([name]) => name === key)?.[3] : `\`${String(initial)}\``,
  ]);
  assert.deepEqual(rows, expected);
});
