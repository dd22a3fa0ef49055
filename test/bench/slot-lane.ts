import { parseIpv4Block } from "../../src/core/ipv4.ts";
import { NamespaceNetwork } from "../../src/network/namespace-network.ts";
import type { NetworkLease } from "../../src/ports/network.ts";
import { temporaryFolder } from "../support/package-sources.ts";
import { passTime } from "../support/wait-until.ts";
import { compare, median, type Lane, type Subject } from "./lane.ts";
import type { Figures } from "./results.ts";

/** A network that VMs get their namespaces from. */
interface Source extends Subject {
  acquire(): Promise<NetworkLease>;
}

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const madeAhead = 8;

/** Opens a network of this host; how many namespaces it makes ahead is what is compared. */
async function open(name: string, readySlots: number): Promise<Source> {
  const folder = await temporaryFolder();
  const range = parseIpv4Block("198.18.0.0/16");
  if (range === undefined) throw new Error("no range");
  const network = await NamespaceNetwork.open({
    dataDir: folder.path,
    range,
    // Which leaves this host's own settings as they are.
    egress: "none",
    readySlots,
    connections: 100,
    bandwidthMbit: 0,
    nameServers: [],
    log: silent,
  });
  let vms = 0;
  return {
    name,
    acquire: () => network.acquire(`vm-${(vms += 1)}`, "internet"),
    async stop() {
      await network[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function sample(source: Source): Promise<Figures> {
  // Those that are made ahead are made by then.
  await passTime(1_000);
  const tookMs: number[] = [];
  const leases: NetworkLease[] = [];
  for (let count = 0; count < madeAhead; count += 1) {
    const startMs = performance.now();
    const lease = await source.acquire();
    await lease.ready;
    tookMs.push(performance.now() - startMs);
    leases.push(lease);
  }
  await Promise.all(leases.map((lease) => lease.release()));
  return { take_ms: median(tookMs) };
}

/** How long a VM that starts waits for its network. */
export const slotLane: Lane = {
  name: "network of a VM",
  run({ samples, signal }) {
    const starts = [() => open("made ahead", madeAhead), () => open("made when asked for", 1)];
    return compare({ lane: "network of a VM", starts, count: samples, sample }, signal);
  },
};
