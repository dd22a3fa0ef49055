import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import type { NetworkUse } from "../../src/ports/network.ts";
import { TestManager } from "../support/manager.ts";
import { startMemoryPlatform, type MemoryPlatform } from "../support/memory-platform.ts";
import { cli } from "./cli-harness.ts";

const folder = mkdtempSync(join(tmpdir(), "firelet-cli-"));
const hello = join(folder, "hello.x");
let platform: MemoryPlatform;
let env: { FIRELET_URL: string };

before(() => writeFileSync(hello, "async function handler() {}"));
after(() => rmSync(folder, { recursive: true }));

beforeEach(async () => {
  platform = await startMemoryPlatform();
  env = { FIRELET_URL: await platform.app.listen({ host: "127.0.0.1", port: 0 }) };
});
afterEach(() => platform.close());

const deploy = (...args: string[]) => cli(["deploy", hello, ...args], { env });
const get = async () => (await cli(["functions", "get", "hello"], { env })).stdout;

async function shown(): Promise<{ egress: unknown; vm_id: string }> {
  const { stdout } = await cli(["functions", "get", "hello", "--json"], { env });
  return JSON.parse(stdout) as { egress: unknown; vm_id: string };
}

describe("firelet --egress", () => {
  for (const [args, egress] of [
    [["none"], "none"],
    [["internet"], "internet"],
    [["10.0.0.5"], ["10.0.0.5"]],
    [
      ["internet, 10.0.0.5:5432", "--egress", "*.example.com:443"],
      ["internet", "10.0.0.5:5432", "*.example.com:443"],
    ],
  ] as const) {
    test(`takes ${args.join(" ")}`, async () => {
      const run = await deploy("--egress", ...args);
      assert.equal(run.code, 0, run.stderr);
      assert.deepEqual((await shown()).egress, egress);
    });
  }

  test("says what is wrong with a policy", async () => {
    const mixed = await deploy("--egress", "none", "--egress", "internet");
    assert.equal(mixed.code, 2);
    assert.match(mixed.stderr, /Nothing goes with none\./);
    const closed = await deploy("--egress", "127.0.0.1");
    assert.equal(closed.code, 1);
    assert.match(closed.stderr, /^firelet: Invalid egress: found "127\.0\.0\.1", which has/);
  });

  test("changes a function without a new revision, and get shows it", async () => {
    await deploy();
    const policy = "api.example.com:443,10.0.0.5";
    const run = await cli(["functions", "update", "hello", "--egress", policy], { env });
    assert.equal(run.stdout, "hello is ready (revision 1)\n");
    const described = await get();
    assert.match(described, /^May connect to +api\.example\.com:443, 10\.0\.0\.5$/m);
    assert.doesNotMatch(described, /^Note /m);
    platform.network.facts = { kind: "user", outbound: false, egress: "none", notes: [] };
    assert.match(await get(), /^May connect to +api.*\nNote +Nothing gets out: /m);
  });
});

describe("firelet vms network", () => {
  const use: NetworkUse = {
    egress: ["api.example.com"],
    sentBytes: 999,
    receivedBytes: 5 * 2 ** 20,
    dropped: { policy: 1, spoofed: 0, ipv6: 12, limit: 0 },
    refusedConnections: [
      { address: "10.0.0.1", protocol: "tcp", port: 22, packets: 3 },
      { address: "8.8.8.8", protocol: "udp", port: 53, packets: 1 },
    ],
    refusedNames: ["evil.example", "worse.example"],
  };
  let id: string;
  beforeEach(async () => {
    await deploy();
    id = (await shown()).vm_id;
  });

  test("shows figures, and what was refused", async () => {
    platform.network.uses.set(id, use);
    const run = await cli(["vms", "network", id], { env });
    assert.equal(
      run.stdout,
      `May connect to       api.example.com
Sent                 999 bytes
Received             5.0 MiB
Refused by policy    1 packet
Dropped over limits  0 packets
Dropped as IPv6      12 packets
Dropped as spoofed   0 packets

Refused connections of the last 15 minutes:
ADDRESS   PORT    PACKETS
10.0.0.1  22/tcp  3
8.8.8.8   53/udp  1

Refused names, the newest last:
evil.example
worse.example
`,
    );
    const json = await cli(["vms", "network", id, "--json"], { env });
    assert.equal((JSON.parse(json.stdout) as { sent_bytes: number }).sent_bytes, 999);
  });

  test("shows figures alone where nothing was refused", async () => {
    const quiet = { ...use, egress: [], refusedConnections: [], refusedNames: [] };
    platform.network.uses.set(id, quiet);
    const { stdout } = await cli(["vms", "network", id], { env });
    assert.match(stdout, /^May connect to +none\n[^]*spoofed +0 packets\n$/);
  });

  test("keeps names that a guest made up from playing with the terminal", async () => {
    platform.network.uses.set(id, { ...use, refusedNames: ["\u001b[2Jevil.example"] });
    const { stdout } = await cli(["vms", "network", id], { env, columns: 80 });
    assert.ok(!stdout.includes("\u001b[2J"));
    assert.match(stdout, /evil\.example$/m);
  });

  test("says why it knows nothing", async () => {
    const run = await cli(["vms", "network", id], { env });
    assert.equal(run.code, 4);
    assert.match(run.stderr, /^firelet: Cannot inspect the network of VM "fn-hello-.*": it is/);
  });
});

describe("functions that are processes", () => {
  test("say that no policy is enforced, and have no network of their own", async () => {
    const manager = await TestManager.start({ driver: "process" });
    try {
      const real = { env: { FIRELET_URL: manager.url } };
      const file = join(folder, "plain.js");
      writeFileSync(file, "async function handler() {}");
      const run = await cli(["deploy", file, "--egress", "api.example.com:443"], real);
      assert.equal(run.code, 0, run.stderr);
      const { stdout } = await cli(["functions", "get", "plain"], real);
      assert.match(stdout, /^May connect to +api\.example\.com:443\nNote +Not enforced: /m);
      const [vm] = JSON.parse((await cli(["vms", "list", "--json"], real)).stdout) as [
        { id: string },
      ];
      const network = await cli(["vms", "network", vm.id], real);
      assert.equal(network.code, 4);
      assert.match(network.stderr, /functions are processes of this host, and use its network$/m);
    } finally {
      await manager.stop();
    }
  });
});
