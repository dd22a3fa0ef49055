import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { runCommand } from "../../src/os/run-command.ts";
import type { WorldServersConfig } from "./network-world-servers.ts";
import { temporaryFolder } from "./package-sources.ts";
import { waitUntil } from "./wait-until.ts";

const serversProgram = fileURLToPath(new URL("network-world-servers.ts", import.meta.url));

/** What the stand-in networks have, each at an address of its own. */
export const world = {
  /** The host that managers run on, as the networks see it. */
  host: "11.0.0.1",
  hostIpv6: "2600:aa::1",
  nameServer: "11.0.0.2",
  /** Hosts of the Internet; `api` has a name in most policies of the tests. */
  api: "11.1.1.1",
  other: "11.1.1.2",
  late: "11.1.1.3",
  ipv6: "2600:bb::1",
  /** Machines of the operator's own network. */
  database: "10.99.0.5",
  printer: "10.99.0.6",
  metadata: "169.254.169.254",
  names: {
    "api.example.com": "11.1.1.1",
    "alias.example.com": "api.example.com",
    "other.example.com": "11.1.1.2",
    "late.example.com": "11.1.1.3",
    "rebound.example.com": "10.99.0.6",
  },
  httpPort: 8080,
  udpPort: 7777,
} as const;

/**
 * A host to run managers on and the networks around it: an Internet, a private network, a metadata
 * service and a name server, in two network namespaces that are this world's alone. Nothing of it can
 * be reached from outside, and nothing in it reaches further.
 */
export class NetworkWorld implements AsyncDisposable {
  /** The path of the namespace that managers run in. */
  readonly host: string;
  readonly #outside: string;
  /** The certificate of whoever signed the one of `api.example.com`. */
  caCertificate = "";
  readonly #tags = new Set<string>();
  readonly #undo = new AsyncDisposableStack();

  private constructor() {
    const name = `firelet-test-${randomBytes(4).toString("hex")}`;
    this.host = `/run/netns/${name}-host`;
    this.#outside = `/run/netns/${name}-world`;
  }

  static async create(): Promise<NetworkWorld> {
    const made = new NetworkWorld();
    try {
      await made.#build();
      return made;
    } catch (error) {
      await made[Symbol.asyncDispose]();
      throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#undo.disposeAsync();
  }

  /** Runs a command on the host; resolves to what it printed. */
  async run(...argv: [string, ...string[]]): Promise<string> {
    const { stdout } = await runCommand([...within(this.host), ...argv], { timeoutMs: 30_000 });
    return stdout;
  }

  /** Runs a command on a machine of the networks outside, which has a route to the host's guests. */
  async runOutside(...argv: [string, ...string[]]): Promise<string> {
    const { stdout } = await runCommand([...within(this.#outside), ...argv], { timeoutMs: 30_000 });
    return stdout;
  }

  /** What managers have made on the host: the cables to their guests, and the tables of rules. */
  async traces(): Promise<{ readonly links: readonly string[]; readonly tables: string }> {
    const links = JSON.parse(await this.run("ip", "-json", "link")) as { ifname: string }[];
    const names = links.map(({ ifname }) => ifname).filter((name) => name.startsWith("fl"));
    const tables = (await this.run("nft", "list", "tables")).trim();
    for (const [, tag = ""] of tables.matchAll(/firelet_(\w+)/g)) this.#tags.add(tag);
    return { links: names, tables };
  }

  /** The addresses that the host has, in the order of its links. */
  async addresses(): Promise<string[]> {
    const links = JSON.parse(await this.run("ip", "-json", "address")) as {
      readonly addr_info: readonly { readonly local: string }[];
    }[];
    return links.flatMap(({ addr_info: all }) => all.map(({ local }) => local));
  }

  /** The namespaces of all managers that `traces` has found on the host since it was made. */
  async namespaces(): Promise<string[]> {
    const names = (await this.run("ip", "netns", "list")).split("\n");
    return names.filter((name) => this.#tags.has(name.split("-")[1] ?? ""));
  }

  /** Packets that came in from the host, by `<protocol> <to address>:<to port>`. */
  async arrivals(): Promise<Map<string, number>> {
    const argv = [
      ...within(this.#outside),
      "nft",
      "-j",
      "list",
      "set",
      "inet",
      "seen",
      "arrivals",
    ] as const;
    const { stdout } = await runCommand(argv, { timeoutMs: 10_000 });
    const [, { set }] = (JSON.parse(stdout) as { nftables: [unknown, { set: ArrivalSet }] })
      .nftables;
    return new Map(
      (set.elem ?? []).map(({ elem: { val, counter } }) => {
        const [to, protocol, port] = val.concat;
        return [`${protocol} ${to}:${port}`, counter.packets];
      }),
    );
  }

  /** Forgets what came in until now. */
  async forgetArrivals(): Promise<void> {
    const argv = [
      ...within(this.#outside),
      "nft",
      "flush",
      "set",
      "inet",
      "seen",
      "arrivals",
    ] as const;
    await runCommand(argv, { timeoutMs: 10_000 });
  }

  async #build(): Promise<void> {
    for (const path of [this.host, this.#outside]) {
      await ip("netns", "add", nameOf(path));
      this.#undo.defer(() => ip("netns", "delete", nameOf(path)));
    }
    const [host, outside] = [nameOf(this.host), nameOf(this.#outside)];
    await ip(
      "-n",
      host,
      "link",
      "add",
      "eth0",
      "type",
      "veth",
      "peer",
      "name",
      "eth0",
      "netns",
      outside,
    );
    await batch(host, [
      "link set lo up",
      `address add ${world.host}/24 dev eth0`,
      `address add ${world.hostIpv6}/64 dev eth0 nodad`,
      "link set eth0 up",
      `route add default via ${world.nameServer}`,
      "route add ::/0 via 2600:aa::2",
    ]);
    const { api, other, late, database, printer, metadata } = world;
    await batch(outside, [
      "link set lo up",
      `address add ${world.nameServer}/24 dev eth0`,
      "address add 2600:aa::2/64 dev eth0 nodad",
      ...[api, other, late, database, printer, metadata].map(
        (one) => `address add ${one}/32 dev lo`,
      ),
      `address add ${world.ipv6}/128 dev lo nodad`,
      "link set eth0 up",
      `route add 198.18.0.0/16 via ${world.host}`,
    ]);
    await this.#countArrivals();
    const tls = await this.#certify();
    const ports = { httpPorts: [80, world.httpPort] };
    const echo = { hosts: [api, other], port: world.udpPort };
    await this.#serve(this.#outside, { ...ports, echo, tls, names: world.names });
    await this.#serve(this.host, {
      ...ports,
      echo: { ...echo, hosts: [] },
      tls: null,
      names: null,
    });
  }

  async #countArrivals(): Promise<void> {
    const input = `table inet seen {
      set arrivals {
        type ipv4_addr . inet_proto . inet_service
        flags dynamic
        size 65535
        counter
      }
      chain arrive {
        type filter hook prerouting priority raw;
        iifname "eth0" meta l4proto { tcp, udp } update @arrivals { ip daddr . meta l4proto . th dport }
      }
    }`;
    await runCommand([...within(this.#outside), "nft", "-f", "-"], { input, timeoutMs: 10_000 });
  }

  /** A certificate for the names of the Internet here, from an authority of this world's own. */
  async #certify(): Promise<{ cert: string; key: string }> {
    const folder = await temporaryFolder();
    this.#undo.defer(() => folder[Symbol.asyncDispose]());
    const file = (name: string) => join(folder.path, name);
    const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    await openssl(
      "req",
      "-x509",
      ...newKey,
      "-days",
      "2",
      "-subj",
      "/CN=World",
      "-keyout",
      file("ca.key"),
      "-out",
      file("ca.pem"),
    );
    await openssl(
      "req",
      "-x509",
      ...newKey,
      "-days",
      "2",
      "-subj",
      "/CN=api.example.com",
      "-addext",
      "subjectAltName=DNS:*.example.com",
      "-addext",
      "basicConstraints=critical,CA:FALSE",
      "-CA",
      file("ca.pem"),
      "-CAkey",
      file("ca.key"),
      "-keyout",
      file("server.key"),
      "-out",
      file("server.pem"),
    );
    this.caCertificate = await readFile(file("ca.pem"), "utf8");
    return { cert: file("server.pem"), key: file("server.key") };
  }

  async #serve(namespace: string, config: WorldServersConfig): Promise<void> {
    const child = spawnWithin(namespace, serversProgram, JSON.stringify(config));
    this.#undo.defer(() => ended(child));
    let output = "";
    child.stdout?.on("data", (text: Buffer) => (output += text.toString()));
    await waitUntil("the servers listen", () => output.includes("ready"), 20_000);
  }
}

interface ArrivalSet {
  readonly elem?: readonly {
    readonly elem: {
      readonly val: { readonly concat: readonly [string, string, number | string] };
      readonly counter: { readonly packets: number };
    };
  }[];
}

/** The words that run what follows in a network namespace. */
export function within(namespace: string): [string, string, string] {
  return ["nsenter", `--net=${namespace}`, "--"];
}

/** Starts a script of the tests in a namespace; it ends with this process. */
export function spawnWithin(namespace: string, script: string, ...args: string[]): ChildProcess {
  const [program, ...before] = within(namespace);
  const node = [process.execPath, "--disable-warning=ExperimentalWarning", script];
  const argv = [...before, "setpriv", "--pdeathsig", "KILL", ...node, ...args];
  return spawn(program, argv, { stdio: ["ignore", "pipe", "inherit"] });
}

export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

async function ip(...args: string[]): Promise<void> {
  await runCommand(["ip", ...args], { timeoutMs: 10_000 });
}

async function batch(namespace: string, commands: readonly string[]): Promise<void> {
  const input = `${commands.join("\n")}\n`;
  await runCommand(["ip", "-n", namespace, "-batch", "-"], { input, timeoutMs: 10_000 });
}

async function openssl(...args: string[]): Promise<void> {
  await runCommand(["openssl", ...args], { timeoutMs: 30_000 });
}
