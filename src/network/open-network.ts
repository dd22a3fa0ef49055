import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { alwaysClosed, type Egress } from "../core/egress.ts";
import { messageOf } from "../core/errors.ts";
import { type Ipv4Block, overlaps, parseIpv4Block } from "../core/ipv4.ts";
import { findProgram } from "../os/find-program.ts";
import { runCommand } from "../os/run-command.ts";
import type { Log } from "../ports/log.ts";
import type { NetworkFacts, VmNetwork } from "../ports/network.ts";
import { LoopbackNetwork } from "./loopback-network.ts";
import { readResolvConf } from "./name-server/resolv-conf.ts";
import type { UpstreamServer } from "./name-server/upstream.ts";
import { NamespaceNetwork } from "./namespace-network.ts";
import { namespaceTools } from "./namespace-tools.ts";

/** What an operator chooses of the network that VMs have. */
export interface NetworkSettings {
  /** `auto` takes a namespace for each VM where that works. */
  readonly mode: "auto" | "namespace" | "user";
  /** Where guests have their addresses on this host: ADDRESS/PREFIX. */
  readonly range: string;
  /** What functions may connect to at most. */
  readonly egress: Egress;
  readonly readySlots: number;
  readonly connections: number;
  readonly bandwidthMbit: number;
  /** Empty: those that this host asks. */
  readonly nameServers: readonly UpstreamServer[];
}

export interface OpenNetworkOptions {
  readonly dataDir: string;
  readonly log: Log;
}

/** A network, to be closed when the VMs in it have ended. */
export type OpenNetwork = VmNetwork & Partial<AsyncDisposable>;

/** The network of functions that are plain processes. */
export function openHostNetwork(): OpenNetwork {
  const note = "Functions have the network of this host: no egress policy is kept";
  return new LoopbackNetwork({ kind: "host", outbound: true, egress: "internet", notes: [note] });
}

/**
 * Opens the strongest network for VMs that works here and `mode` lets it have; in `facts` it says
 * why it is not a stronger one. Rejects where `mode` asks for one that does not work.
 */
export async function openNetwork(
  settings: NetworkSettings,
  { dataDir, log }: OpenNetworkOptions,
): Promise<OpenNetwork> {
  if (settings.mode === "user") return userNetwork("user networking is asked for (network.mode)");
  try {
    const range = await checkHost(settings);
    const { nameServers: given, ...limits } = settings;
    const nameServers = given.length > 0 ? given : await readResolvConf();
    return await NamespaceNetwork.open({ ...limits, range, nameServers, dataDir, log });
  } catch (error) {
    const why = messageOf(error);
    if (settings.mode === "auto") return userNetwork(why);
    throw new Error(`Cannot give each VM a network of its own, as network.mode asks: ${why}`, {
      cause: error,
    });
  }
}

/** What network VMs would have, found out by making one and removing it again. Never rejects. */
export async function probeNetwork(settings: NetworkSettings): Promise<NetworkFacts> {
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const dataDir = await mkdtemp(join(tmpdir(), "firelet-network-"));
  try {
    // One is enough to know; what it lets out does not matter, so that it changes nothing.
    const trial = { ...settings, egress: "none", readySlots: 1 } as const;
    const network = await openNetwork(trial, { dataDir, log });
    await network[Symbol.asyncDispose]?.();
    return { ...network.facts, egress: settings.egress };
  } catch (error) {
    return { kind: "user", outbound: false, egress: "none", notes: [messageOf(error)] };
  } finally {
    await rm(dataDir, { recursive: true });
  }
}

function userNetwork(why: string): LoopbackNetwork {
  const notes = [
    `Functions connect to nothing outside of their VM, whatever their egress policy: ${why}`,
  ];
  return new LoopbackNetwork({ kind: "user", outbound: false, egress: "none", notes });
}

/** The range that was asked for; rejects with what keeps this host from having namespaces in it. */
async function checkHost({ range: text }: NetworkSettings): Promise<Ipv4Block> {
  const uid = process.geteuid?.();
  if (uid !== 0) throw new Error(`the manager runs as uid ${uid}; start it as root`);
  for (const { command, package: name } of namespaceTools) {
    if (findProgram(command) !== null) continue;
    throw new Error(`${command} is not installed; apt-get install ${name}`);
  }
  const range = parseIpv4Block(text);
  if (range === undefined) throw new Error(`network.range is no block of addresses: "${text}"`);
  const conflict = [...alwaysClosed, ...(await routedBlocks())].find((block) => {
    const other = parseIpv4Block(block);
    return other !== undefined && overlaps(range, other);
  });
  if (conflict === undefined) return range;
  throw new Error(
    `this host uses ${conflict}, which overlaps ${text}; choose another range (network.range)`,
  );
}

/**
 * What this host has routes to, beside the guests of any manager. Not those to half of all
 * addresses, which stand for a default route where a VPN has taken its place.
 */
async function routedBlocks(): Promise<string[]> {
  const { stdout } = await runCommand(["ip", "-json", "-4", "route", "show"], { timeoutMs: 5_000 });
  const routes = JSON.parse(stdout || "[]") as { dst: string; dev?: string }[];
  const isGuests = /^fl[0-9a-f]{6}-[0-9a-f]+$/;
  const isDefault = /^default$|\/[0-7]$/;
  return routes
    .filter(({ dst, dev = "" }) => !isGuests.test(dev) && !isDefault.test(dst))
    .map(({ dst }) => dst);
}
