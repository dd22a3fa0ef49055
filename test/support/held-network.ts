import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import type { Egress } from "../../src/core/egress.ts";
import type { NetworkLease, NetworkUse } from "../../src/ports/network.ts";
import { inside } from "../../src/network/slot.ts";
import type { HolderCommand, HolderOptions } from "./network-holder.ts";
import { ended, within } from "./network-world.ts";

const holderProgram = fileURLToPath(new URL("network-holder.ts", import.meta.url));

export type HeldLease = Pick<NetworkLease, "address" | "slot"> & {
  readonly namespace: { readonly path: string; readonly tap: string };
};

/** A `NamespaceNetwork` in a process of its own, in a network namespace of the tests. */
export class HeldNetwork {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcess) {
    this.#process = child;
    this.#lines = createInterface(child.stdout!)[Symbol.asyncIterator]();
  }

  static async open(namespace: string, options: HolderOptions): Promise<HeldNetwork> {
    const node = [process.execPath, "--disable-warning=ExperimentalWarning", holderProgram];
    const [program, ...before] = within(namespace);
    const argv = [...before, "setpriv", "--pdeathsig", "KILL", ...node, JSON.stringify(options)];
    const child = spawn(program, argv, { stdio: ["pipe", "pipe", "inherit"] });
    const held = new HeldNetwork(child);
    if ((await held.#lines.next()).value !== "ready") throw new Error("The network did not open");
    return held;
  }

  acquire(vmId: string, egress: Egress): Promise<HeldLease> {
    return this.#ask({ do: "acquire", vmId, egress });
  }

  inspect(vmId: string): Promise<NetworkUse> {
    return this.#ask({ do: "inspect", vmId });
  }

  /** Ends it as a manager that stops does. */
  async close(): Promise<void> {
    this.#process.stdin?.end();
    if (this.#process.exitCode === null) await once(this.#process, "exit");
  }

  /** Ends it as a power cut would. */
  kill(): Promise<void> {
    return ended(this.#process);
  }

  async #ask<T>(command: HolderCommand): Promise<T> {
    this.#process.stdin?.write(`${JSON.stringify(command)}\n`);
    const { value } = await this.#lines.next();
    return JSON.parse(String(value)) as T;
  }
}

/** An Ethernet frame with a UDP packet in it, as a guest would send it unless told otherwise. */
export interface Frame {
  readonly fromMac?: string;
  readonly from?: string;
  readonly to: string;
  readonly port: number;
  readonly bytes?: number;
  /** Of UDP; 0 is none. */
  readonly checksum?: number;
}

export function udpFrame({
  fromMac = inside.guestMac,
  from = inside.guestAddress,
  to,
  port,
  bytes = 8,
  checksum: udpChecksum = 0,
}: Frame): Buffer {
  const udp = Buffer.alloc(8 + bytes);
  udp.writeUInt16BE(40_000, 0);
  udp.writeUInt16BE(port, 2);
  udp.writeUInt16BE(udp.length, 4);
  udp.writeUInt16BE(udpChecksum, 6);
  const ip = Buffer.alloc(20);
  ip.set([0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, 17]);
  ip.writeUInt16BE(20 + udp.length, 2);
  ip.set(octets(from), 12);
  ip.set(octets(to), 16);
  ip.writeUInt16BE(checksum(ip), 10);
  return Buffer.concat([ethernet(fromMac, 0x0800), ip, udp]);
}

/** A frame in which `from` says that it has the hardware address `mac`; RFC 826. */
export function arpFrame(mac: string, from: string): Buffer {
  const arp = Buffer.alloc(28);
  arp.set([0, 1, 8, 0, 6, 4, 0, 2]);
  arp.set(hardware(mac), 8);
  arp.set(octets(from), 14);
  arp.set(hardware(inside.tapMac), 18);
  arp.set(octets(inside.tapAddress), 24);
  return Buffer.concat([ethernet(mac, 0x0806), arp]);
}

/** An IPv6 packet with UDP in it, between two global addresses. */
export function ipv6Frame(): Buffer {
  const ip = Buffer.alloc(48);
  ip.set([0x60, 0, 0, 0, 0, 8, 17, 64]);
  ip.set([0x26, 0, 0, 0xaa], 8);
  ip.set([0x26, 0, 0, 0xbb], 24);
  ip[39] = 1;
  return Buffer.concat([ethernet(inside.guestMac, 0x86dd), ip]);
}

/** The same frame with a VLAN tag; IEEE 802.1Q. */
export function tagged(frame: Buffer): Buffer {
  return Buffer.concat([frame.subarray(0, 12), Buffer.from([0x81, 0, 0, 5]), frame.subarray(12)]);
}

function ethernet(fromMac: string, type: number): Buffer {
  return Buffer.concat([
    hardware(inside.tapMac),
    hardware(fromMac),
    Buffer.from([type >> 8, type & 255]),
  ]);
}

function hardware(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(":", ""), "hex");
}

function octets(address: string): number[] {
  return address.split(".").map(Number);
}

function checksum(header: Buffer): number {
  let sum = 0;
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
