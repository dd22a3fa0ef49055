import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { entering } from "../../src/drivers/shared/vm-namespace.ts";
import { vmUser } from "../../src/drivers/shared/vm-user.ts";
import { inside } from "../../src/network/slot.ts";
import { runCommand } from "../../src/os/run-command.ts";
import {
  arpFrame,
  HeldNetwork,
  type HeldLease,
  ipv6Frame,
  tagged,
  udpFrame,
} from "../support/held-network.ts";
import { NetworkWorld, world } from "../support/network-world.ts";
import { temporaryFolder } from "../support/package-sources.ts";
import { passTime, waitUntil } from "../support/wait-until.ts";

const sendFrames = join(import.meta.dirname, "../support/send-frames.py");
const isRoot = process.geteuid?.() === 0;

/** Sends frames as a guest would that does with its network card what it likes. */
async function send({ namespace }: HeldLease, frames: readonly Buffer[]): Promise<void> {
  const argv = entering(namespace, ["python3", sendFrames, "TAP_FD"]);
  const input = frames.map((frame) => `${frame.toString("hex")}\n`).join("");
  await runCommand(argv, { input, timeoutMs: 20_000 });
}

describe("namespaces of VMs", { skip: isRoot ? false : "namespaces need root" }, () => {
  const to = { to: world.api, port: world.udpPort };
  const key = `udp ${to.to}:${to.port}`;
  let networks: NetworkWorld;
  let held: HeldNetwork;
  let lease: HeldLease;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  before(async () => {
    networks = await NetworkWorld.create();
    folder = await temporaryFolder();
    held = await HeldNetwork.open(networks.host, { dataDir: folder.path, bandwidthMbit: 8 });
    lease = await held.acquire("guest", "internet");
  });
  after(async () => {
    await held?.close();
    await networks?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
  });

  const arrived = async () => (await networks.arrivals()).get(key) ?? 0;

  it("lets out what bears the guest's own addresses", async () => {
    await networks.forgetArrivals();
    await send(lease, [udpFrame(to)]);
    await waitUntil("it arrives", async () => (await arrived()) === 1);
  });

  const forged: Readonly<Record<string, Buffer>> = {
    "another guest's address": udpFrame({ ...to, from: "169.254.1.3" }),
    "the gateway's address": udpFrame({ ...to, from: inside.tapAddress }),
    "an address of the host's range": udpFrame({ ...to, from: "198.18.0.3" }),
    "an address of the Internet": udpFrame({ ...to, from: world.other }),
    "another hardware address": udpFrame({ ...to, fromMac: "02:fc:00:00:00:09" }),
    "the tap's hardware address": udpFrame({ ...to, fromMac: inside.tapMac }),
    "a VLAN tag": tagged(udpFrame(to)),
    "another hardware address, in ARP": arpFrame("02:fc:00:00:00:09", inside.guestAddress),
    "another address, in ARP": arpFrame(inside.guestMac, "169.254.1.3"),
  };
  for (const [what, frame] of Object.entries(forged)) {
    it(`drops what bears ${what}, and counts it`, async () => {
      await networks.forgetArrivals();
      const { dropped } = await held.inspect("guest");
      await send(lease, [frame]);
      // What follows it comes out behind it.
      await send(lease, [udpFrame(to)]);
      await waitUntil("what is not forged arrives", async () => (await arrived()) > 0);
      assert.equal(await arrived(), 1);
      assert.equal((await held.inspect("guest")).dropped.spoofed, dropped.spoofed + 1);
    });
  }

  it("lets out nothing that cannot be translated: its checksum is wrong", async () => {
    await networks.forgetArrivals();
    await send(lease, [
      udpFrame({ ...to, checksum: 0x1234 }),
      udpFrame({ ...to, to: world.other }),
    ]);
    const other = `udp ${world.other}:${to.port}`;
    await waitUntil("what follows arrives", async () => (await networks.arrivals()).has(other));
    assert.equal(await arrived(), 0);
  });

  it("drops IPv6, and counts it apart", async () => {
    const { dropped } = await held.inspect("guest");
    await send(lease, [ipv6Frame()]);
    await waitUntil("it is counted", async () => {
      return (await held.inspect("guest")).dropped.ipv6 === dropped.ipv6 + 1;
    });
  });

  it("does not let it to where the host passes on what comes in at its own address", async () => {
    await networks.forgetArrivals();
    const rules = [
      "ip",
      "daddr",
      world.host,
      "udp",
      "dport",
      "9999",
      "dnat",
      "to",
      `${to.to}:${to.port}`,
    ];
    await networks.run("nft", "add", "table", "ip", "published");
    await networks.run(
      "nft",
      "add",
      "chain",
      "ip",
      "published",
      "in",
      "{ type nat hook prerouting priority -100 ; }",
    );
    await networks.run("nft", "add", "rule", "ip", "published", "in", ...rules);
    await send(lease, [
      udpFrame({ to: world.host, port: 9999 }),
      udpFrame({ ...to, to: world.other }),
    ]);
    const other = `udp ${world.other}:${to.port}`;
    await waitUntil("what follows arrives", async () => (await networks.arrivals()).has(other));
    assert.equal(await arrived(), 0);
    await networks.run("nft", "delete", "table", "ip", "published");
  });

  it("passes on no more than the bandwidth that a guest may have", async () => {
    await networks.forgetArrivals();
    const frames = Array.from({ length: 2_000 }, () => udpFrame({ ...to, bytes: 1_400 }));
    await send(lease, frames);
    await waitUntil("some arrive", async () => (await arrived()) > 20);
    await passTime(100);
    const { dropped } = await held.inspect("guest");
    assert.equal((await arrived()) + dropped.limit, frames.length);
    assert.ok(dropped.limit > 400, `${dropped.limit} were dropped`);
  });

  it("lets out nothing of a VMM that its guest has taken over", async () => {
    await networks.forgetArrivals();
    const { uid, gid } = vmUser(lease.slot);
    const user = ["setpriv", "--reuid", `${uid}`, "--regid", `${gid}`, "--clear-groups", "--"];
    const within = ["nsenter", `--net=${lease.namespace.path}`, "--", ...user];
    const targets = [
      `http://${world.api}:8080/`,
      "http://198.18.0.1:8080/",
      `http://[${world.ipv6}]:8080/`,
    ];
    for (const url of targets) {
      const curl = ["curl", "-sS", "-m", "2", "-g", url];
      await assert.rejects(runCommand(["env", ...within, ...curl], { timeoutMs: 10_000 }), /curl/);
    }
    const rules = ["env", ...within, "nft", "flush", "ruleset"] as const;
    await assert.rejects(runCommand(rules, { timeoutMs: 10_000 }), /permitted/i);
    assert.deepEqual([...(await networks.arrivals()).keys()], []);
  });

  it("gives a VM a network that nobody has used, and takes away that of one that has gone", async () => {
    await send(lease, [udpFrame({ to: world.metadata, port: 80 })]);
    assert.ok((await held.inspect("guest")).dropped.policy > 0);
    const next = await held.acquire("next", "internet");
    assert.notEqual(next.address.host, lease.address.host);
    const { dropped, refusedConnections, sentBytes } = await held.inspect("next");
    assert.deepEqual([dropped, sentBytes], [{ policy: 0, spoofed: 0, ipv6: 0, limit: 0 }, 0]);
    assert.deepEqual(refusedConnections, []);
  });

  it("gives its host no address for a guest, and takes none away", async () => {
    const addresses = await networks.addresses();
    assert.ok(addresses.includes("198.18.0.1"), addresses.join());
    await held.acquire("passing", "internet");
    assert.deepEqual(await networks.addresses(), addresses);
  });

  it("shares a host with the networks of other managers, address by address", async () => {
    await using otherFolder = await temporaryFolder();
    const options = { dataDir: otherFolder.path, bandwidthMbit: 0 };
    const other = await HeldNetwork.open(networks.host, options);
    const theirs = await other.acquire("theirs", "internet");
    assert.notEqual(theirs.address.host, lease.address.host);
    await networks.forgetArrivals();
    await send(theirs, [udpFrame(to)]);
    await waitUntil("it arrives", async () => (await arrived()) === 1);
    await other.close();
    await send(lease, [udpFrame(to)]);
    await waitUntil("ours still does", async () => (await arrived()) === 2);
  });

  it("finds what a killed manager left, frees it, and touches nothing else", async () => {
    const stranger = `firelet-000000000000-${process.pid}`;
    await runCommand(["ip", "netns", "add", stranger]);
    try {
      await held.kill();
      const left = await networks.traces();
      // Those of two guests, and those that were ready.
      assert.ok(left.links.length >= 3 && left.tables.includes("firelet_"), JSON.stringify(left));
      held = await HeldNetwork.open(networks.host, { dataDir: folder.path, bandwidthMbit: 0 });
      await waitUntil("only those that are ready are there", async () => {
        // And the gateway's.
        return (await networks.traces()).links.length === 2 + 1;
      });
      await held.close();
      assert.deepEqual(await networks.traces(), { links: [], tables: "" });
      const names = await runCommand(["ip", "netns", "list"]);
      assert.match(names.stdout, new RegExp(`^${stranger}`, "m"));
    } finally {
      await runCommand(["ip", "netns", "delete", stranger]);
    }
  });
});
