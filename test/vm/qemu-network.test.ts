import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { after, before, describe, it } from "node:test";

import { QemuDriver } from "../../src/drivers/qemu/driver.ts";
import { newDataDir, specOf } from "../contract/vm-driver.ts";
import { RuntimeGuest } from "../support/runtime-guest.ts";
import { vmImages } from "../support/vm-images.ts";
import { userNetwork } from "../support/networks.ts";

const { images, skip } = await vmImages("node");

/** Tries to reach the targets, all at once, and answers what came of each. */
const code = `
const net = require("node:net"), dgram = require("node:dgram"), dns = require("node:dns");
const limitMs = 3000;

function tcp({ host, port }) {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port, timeout: limitMs });
    const end = (outcome) => { socket.destroy(); resolve(outcome); };
    socket.on("connect", () => end("connected"));
    socket.on("timeout", () => end("silence"));
    socket.on("error", (error) => end(error.code));
  });
}

function udp({ host, port, hex }) {
  return new Promise((resolve) => {
    const socket = dgram.createSocket("udp4");
    const end = (outcome) => { socket.close(); resolve(outcome); };
    setTimeout(() => end("silence"), limitMs);
    socket.on("message", (answer) => end("answered " + answer.toString("hex")));
    socket.on("error", (error) => end(error.code));
    socket.send(Buffer.from(hex ?? "70696e67", "hex"), port, host, (error) => error && end(error.code));
  });
}

async function handler({ targets }) {
  const reach = { tcp, udp };
  return Promise.all(targets.map((target) => reach[target.over](target)));
}`;

/** A DNS question for example.com, type A. */
const dnsQuestion = "abcd01000001000000000000076578616d706c6503636f6d0000010001";

describe("network of a microVM in QEMU", { skip }, () => {
  const driverDir = newDataDir();
  const heard: string[] = [];
  const tcp = createServer((socket) => {
    heard.push(`tcp from ${socket.remoteAddress}`);
    socket.destroy();
  });
  const udp = createSocket("udp4", (message, { address, port }) => {
    heard.push(`udp from ${address}`);
    udp.send(message, port, address);
  });
  let driver: QemuDriver;
  let guest: RuntimeGuest;
  let tcpPort = 0;
  let udpPort = 0;

  before(async () => {
    // All addresses of the host, its loopback among them.
    await once(tcp.listen(0, "0.0.0.0"), "listening");
    udp.bind(0, "0.0.0.0");
    await once(udp, "listening");
    tcpPort = (tcp.address() as { port: number }).port;
    udpPort = udp.address().port;
    driver = new QemuDriver({ dataDir: await driverDir, network: userNetwork() });
    const image = images?.["node"];
    assert.ok(image);
    const vm = await driver.boot(specOf(image), AbortSignal.timeout(60_000));
    const stop = () => driver.destroy(vm.id);
    const readConsole = () => driver.readConsole(vm.id);
    guest = new RuntimeGuest({ address: vm.address, readConsole, stop }, 8);
    await guest.adopt();
    await guest.deploy({ code });
  });

  after(async () => {
    tcp.close();
    udp.close();
    await guest?.stop();
    await rm(await driverDir, { recursive: true });
  });

  it("lets the guest reach nothing of its host, by name or number, over TCP or UDP", async () => {
    const own = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ family, internal }) => family === "IPv4" && !internal)
      .map(({ address }) => address);
    const hosts = ["10.0.2.2", "10.0.2.3", "10.0.2.4", "10.0.2.1", ...own, "198.51.100.1"];
    const targets = hosts.flatMap((host) => [
      { over: "tcp", host, port: tcpPort },
      { over: "udp", host, port: udpPort },
      { over: "tcp", host, port: 53 },
      { over: "udp", host, port: 53, hex: dnsQuestion },
    ]);
    const outcomes = (await guest.ask({ targets }, { timeoutMs: 60_000 })) as string[];
    const reached = targets
      .map((target, index) => `${target.over} ${target.host}:${target.port} ${outcomes[index]}`)
      .filter((line) => /connected|answered/.test(line));
    assert.deepEqual(reached, []);
    assert.deepEqual(heard, []);
    assert.equal(outcomes.length, targets.length);
  });

  it("would notice a guest that gets through: the listeners answer the host itself", async () => {
    const probe = createSocket("udp4");
    probe.send("ping", udpPort, "127.0.0.1");
    const [message] = (await once(probe, "message")) as [Buffer];
    probe.close();
    assert.equal(message.toString(), "ping");
    await once(connect(tcpPort, "127.0.0.1"), "close");
    assert.deepEqual(heard.splice(0), ["udp from 127.0.0.1", "tcp from 127.0.0.1"]);
  });
});
