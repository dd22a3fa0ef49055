import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { TestManager, type ManagerOptions } from "../support/manager.ts";
import { NetworkWorld, world } from "../support/network-world.ts";
import { readPolicyTable } from "../support/policy-table.ts";
import { waitUntil } from "../support/wait-until.ts";

/** A connection that a function is told to try. */
interface Try {
  readonly over: "tcp" | "udp" | "https";
  readonly host: string;
  readonly port: number;
  /** What is sent over UDP. */
  readonly hex?: string;
}

/** Answers "open" where the other end did, and why not otherwise. */
export const tryIt = `
const net = require("node:net"), dgram = require("node:dgram"), https = require("node:https");
const tls = require("node:tls");

const reach = {
  tcp: ({ host, port }, end) => {
    const socket = net.connect({ host, port, family: host.includes(":") ? 6 : 4 });
    socket.on("connect", () => end("open")).on("error", (error) => end(error.code));
    return () => socket.destroy();
  },
  udp: ({ host, port, hex = "70696e67" }, end) => {
    const socket = dgram.createSocket("udp4");
    socket.on("message", () => end("open")).on("error", (error) => end(error.code));
    socket.connect(port, host, (error) => error ? end(error.code) : socket.send(Buffer.from(hex, "hex")));
    return () => socket.close();
  },
  https: ({ host, port, ca }, end) => {
    const request = https.get({ host, port, ca, agent: false }, (response) => {
      response.resume().on("end", () => end(response.statusCode === 200 ? "open" : response.statusCode));
    });
    request.on("error", (error) => end(error.code));
    return () => request.destroy();
  },
};

async function handler(event) {
  const { promise, resolve } = Promise.withResolvers();
  const close = reach[event.over](event, resolve);
  const limit = setTimeout(resolve, 3000, "silence");
  try { return await promise; } finally { clearTimeout(limit); close(); }
}`;

const list = [
  "api.example.com:443",
  "late.example.com:443",
  "rebound.example.com:8080",
  "10.99.0.5:8080",
];
const policies = [
  ["none", "none"],
  ["internet", "internet"],
  ["list", list],
] as const;
const { httpPort: port, udpPort } = world;

/** A DNS question for api.example.com, type A. */
const question = "abcd0100000100000000000003617069076578616d706c6503636f6d0000010001";

/** What each row of the table tries; the address is where it would arrive. */
export const tries: Readonly<Record<string, Try & { readonly arrives?: string }>> = {
  "an address of the Internet, TCP": { over: "tcp", host: world.api, port },
  "an address of the Internet, UDP": { over: "udp", host: world.api, port: udpPort },
  "a name of the list, at its port, by HTTPS": {
    over: "https",
    host: "api.example.com",
    port: 443,
    arrives: world.api,
  },
  "a name of the list, at another port": {
    over: "tcp",
    host: "api.example.com",
    port,
    arrives: world.api,
  },
  "another name": { over: "tcp", host: "other.example.com", port, arrives: world.other },
  "the address of a name of the list that was not looked up": {
    over: "tcp",
    host: world.late,
    port: 443,
  },
  "a private address of the list": { over: "tcp", host: world.database, port },
  "another private address": { over: "tcp", host: world.printer, port },
  "a name of the list that stands for a private address": {
    over: "tcp",
    host: "rebound.example.com",
    port,
    arrives: world.printer,
  },
  "a metadata service, 169.254.169.254": { over: "tcp", host: world.metadata, port: 80 },
  "this host, at its own address": { over: "tcp", host: world.host, port },
  "this host, at the gateway of its VMs": { over: "tcp", host: "198.18.0.1", port },
  "this host, at the guest's gateway": { over: "tcp", host: "169.254.1.1", port },
  "another VM": { over: "tcp", host: "another VM", port: 3000 },
  "a multicast group": { over: "udp", host: "224.0.0.251", port: 5353 },
  "an IPv6 address": { over: "tcp", host: world.ipv6, port },
  "another name server than ours, UDP": {
    over: "udp",
    host: world.nameServer,
    port: 53,
    hex: question,
  },
};

/** How it shows that something is closed, where it is neither refused nor unknown. */
const closedAs: Readonly<Record<string, RegExp>> = {
  "a multicast group": /^silence$/,
  "an IPv6 address": /^E(NETUNREACH|ADDRNOTAVAIL)$/,
};

const table = await readPolicyTable();
const obstacle = process.geteuid?.() === 0 ? false : "namespaces need root";

/** What a function reaches and what it does not, with a network namespace for each VM. */
export function networkSuite(options: ManagerOptions): void {
  describe(`the network of a microVM on the ${options.driver} driver`, { skip: obstacle }, () => {
    let networks: NetworkWorld;
    let manager: TestManager;
    before(async () => {
      networks = await NetworkWorld.create();
      manager = await TestManager.start({
        ...options,
        namespace: networks.host,
        env: {
          ...options.env,
          FIRELET_EGRESS: "internet,10.99.0.0/24",
          FIRELET_NAME_SERVERS: world.nameServer,
          FIRELET_NETWORK_CONNECTIONS: "20",
        },
      });
      for (const [name, egress] of policies) {
        await manager.deploy({
          name,
          runtime: "node",
          code: tryIt,
          egress: typeof egress === "string" ? egress : [...egress],
        });
      }
    });
    after(async () => {
      await manager?.stop();
      await networks?.[Symbol.asyncDispose]();
    });

    const addressOf = async (name: string) => (await manager.client.getFunction(name)).guest_ip;
    const invoke = async (name: string, event: unknown) => {
      const reply = await manager.client.invokeFunction(name, event);
      assert.equal(reply.status, "success", JSON.stringify(reply));
      return reply.response;
    };

    describe("keeps to the policy table of docs/networking.md:", () => {
      for (const { to, cells } of table) {
        for (const [policy, expected] of Object.entries(cells)) {
          it(`${to}, with ${policy}: ${expected}`, async () => {
            const one = tries[to];
            assert.ok(one, "the table has a row that this test does not know");
            const name = policy === "a list" ? "list" : policy;
            const other = name === "none" ? "internet" : "none";
            const host = to === "another VM" ? await addressOf(other) : one.host;
            const attempt = async () => {
              await networks.forgetArrivals();
              const outcome = await invoke(name, { ...one, host, ca: networks.caCertificate });
              if (expected === "open") assert.equal(outcome, "open");
              else assert.match(String(outcome), closedAs[to] ?? /^(ECONNREFUSED|ENOTFOUND)$/);
              const protocol = one.over === "udp" ? "udp" : "tcp";
              const arrivals = await networks.arrivals();
              return arrivals.has(`${protocol} ${one.arrives ?? host}:${one.port}`);
            };
            // The end of a connection that the test before made may come as late as in this one.
            const arrived = (await attempt()) && (expected === "open" || (await attempt()));
            assert.equal(arrived, expected === "open", "whether it came to the other end");
          });
        }
      }

      it("has every row that is tried here", () => {
        assert.deepEqual(table.map(({ to }) => to).toSorted(), Object.keys(tries).toSorted());
      });
    });

    it("is told at once of what is closed", async () => {
      for (const to of [
        "another name",
        "a metadata service, 169.254.169.254",
        "another private address",
      ]) {
        const { response, duration_ms } = await manager.client.invokeFunction("list", tries[to]);
        assert.match(String(response), /^(ENOTFOUND|ECONNREFUSED)$/);
        assert.ok(duration_ms < 1_500, `${duration_ms} ms`);
      }
    });

    it("runs the specification's example of an HTTP request", async () => {
      const file = join(import.meta.dirname, "../fixtures/specification/http-request.js");
      const trust = `require("node:tls").setDefaultCACertificates([process.env.CA]);\n`;
      await manager.deploy({
        name: "https-get",
        runtime: "node",
        code: trust + (await readFile(file, "utf8")),
        env: { CA: networks.caCertificate },
      });
      const answer = (await invoke("https-get", { url: "https://alias.example.com/" })) as {
        status: number;
        data: string;
      };
      assert.equal(answer.status, 200);
      assert.equal((JSON.parse(answer.data) as { from: string }).from, `::ffff:${world.host}`);
      const { vm_id: vmId } = await manager.client.getFunction("https-get");
      const { refused_connections, refused_names } = await manager.client.getVmNetwork(vmId ?? "");
      assert.deepEqual([refused_connections, refused_names], [[], []]);
    });

    it("lets Python resolve names, and speak HTTP and HTTPS", async () => {
      const code = `
import json, socket, ssl, urllib.request

def get(url, ca):
    context = ssl.create_default_context(cadata=ca)
    with urllib.request.urlopen(url, context=context, timeout=10) as answer:
        return json.load(answer)["host"]

def handler(event):
    try:
        unknown = socket.gethostbyname("unknown.example.com")
    except socket.gaierror as error:
        unknown = error.errno == socket.EAI_NONAME
    hosts = [get(url, event["ca"]) for url in event["urls"]]
    return {"hosts": hosts, "address": socket.gethostbyname("alias.example.com"), "unknown": unknown}
`;
      await manager.deploy({ name: "py", runtime: "python", code });
      const urls = [`http://other.example.com:${port}/`, "https://api.example.com/"];
      assert.deepEqual(await invoke("py", { urls, ca: networks.caCertificate }), {
        hosts: [`other.example.com:${port}`, "api.example.com"],
        address: world.api,
        unknown: true,
      });
    });

    it("carries a long download and a WebSocket", async () => {
      const code = `
const { createHash } = require("node:crypto");
async function handler({ mib, port }) {
  const answer = await fetch("http://other.example.com:" + port + "/bytes?mib=" + mib);
  const hash = createHash("sha256");
  for await (const chunk of answer.body) hash.update(chunk);
  const socket = new WebSocket("ws://api.example.com:" + port);
  socket.binaryType = "arraybuffer";
  const heard = [];
  await new Promise((resolve, reject) => {
    socket.onopen = () => { socket.send("text"); socket.send(new Uint8Array([0, 255])); };
    socket.onmessage = ({ data }) => { if (heard.push(data) === 2) resolve(); };
    socket.onerror = () => reject(new Error("the WebSocket failed"));
  });
  socket.close();
  return { sha256: hash.digest("hex"), heard: [heard[0], [...new Uint8Array(heard[1])]] };
}`;
      await manager.deploy({ name: "transfer", runtime: "node", code, timeout_seconds: 60 });
      const { createHash } = await import("node:crypto");
      const expected = createHash("sha256");
      for (let count = 0; count < 8; count += 1)
        expected.update(Buffer.alloc(2 ** 20, "0123456789abcdef"));
      assert.deepEqual(await invoke("transfer", { mib: 8, port }), {
        sha256: expected.digest("hex"),
        heard: ["text", [0, 255]],
      });
    });

    it("ends connections that a narrower policy does not allow, and takes a wider one at once", async () => {
      const code = `
let socket;
async function handler({ host, port, first }) {
  if (first) {
    socket = require("node:net").connect({ host, port });
    await new Promise((resolve, reject) => socket.on("connect", resolve).on("error", reject));
    return "connected";
  }
  return new Promise((resolve) => {
    socket.on("error", (error) => resolve(error.code)).on("data", () => resolve("answered"));
    socket.write("GET / HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n");
    setTimeout(resolve, 3000, "silence");
  });
}`;
      const { id } = await manager.deploy({ name: "kept-open", runtime: "node", code });
      const target = { host: world.api, port };
      const { vm_id } = await manager.client.invokeFunction(id, { ...target, first: true });
      assert.equal(await invoke(id, target), "answered");
      await manager.client.updateFunction(id, { egress: "none" });
      assert.match(String(await invoke(id, target)), /ECONNRE/);
      await manager.client.updateFunction(id, { egress: [`${world.api}:${port}`] });
      const again = await manager.client.invokeFunction(id, { ...target, first: true });
      assert.deepEqual([again.response, again.vm_id], ["connected", vm_id]);
    });

    it("tells what was refused, and how much went out and in", async () => {
      const { vm_id: vmId } = await manager.client.invokeFunction("list", tries["another name"]);
      await invoke("list", tries["another private address"]);
      await invoke("list", tries["an IPv6 address"]);
      const use = await manager.client.getVmNetwork(vmId);
      assert.deepEqual(use.egress, list);
      assert.ok(use.refused_names.includes("other.example.com"), use.refused_names.join());
      const refused = use.refused_connections.map(
        ({ address, protocol, port: at }) => `${protocol} ${address}:${at}`,
      );
      assert.ok(refused.includes(`tcp ${world.printer}:${port}`), refused.join());
      assert.ok(use.dropped.policy > 0 && use.dropped.ipv6 > 0);
      assert.ok(use.sent_bytes > 0 && use.received_bytes > use.sent_bytes);
    });

    it("has no more connections at once than it may", async () => {
      const code = `
const net = require("node:net");
async function handler({ host, port, count }) {
  const sockets = [];
  const tries = Array.from({ length: count }, () => new Promise((resolve) => {
    const socket = net.connect({ host, port });
    sockets.push(socket);
    socket.on("connect", () => resolve(1)).on("error", () => resolve(0));
    setTimeout(resolve, 2000, 0);
  }));
  const open = (await Promise.all(tries)).reduce((sum, one) => sum + one);
  for (const socket of sockets) socket.destroy();
  return open;
}`;
      await manager.deploy({ name: "many", runtime: "node", code });
      assert.equal(await invoke("many", { host: world.api, port, count: 30 }), 20);
    });

    it("is reached at its address by the manager's user on its host, and by nobody else", async () => {
      const address = await addressOf("none");
      const health = ["curl", "-sS", "-m", "5", `http://${address}:3000/health`] as const;
      assert.match(await networks.run(...health), /"status":"ok"/);
      const as = [
        "setpriv",
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
        "--",
      ] as const;
      await assert.rejects(networks.run(...as, ...health), /curl/);
      await assert.rejects(networks.run("curl", "-sS", "-m", "2", `http://${address}:22/`), /curl/);
      await assert.rejects(networks.runOutside(...health), /curl/);
    });

    it("leaves no trace of a VM that has gone, and none of the manager when it stops", async () => {
      const [one] = await manager.client.listVms();
      assert.ok((await networks.traces()).links.length > 0);
      await manager.client.deleteVm(one!.id);
      await waitUntil(
        "its link is gone",
        async () => !(await networks.run("ip", "-4", "route")).includes(`${one!.guest_ip} `),
      );
      await manager.stop();
      assert.deepEqual(await networks.traces(), { links: [], tables: "" });
    });
  });
}
