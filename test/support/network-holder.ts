/**
 * Holds a `NamespaceNetwork` in whatever namespace it is started in, for `HeldNetwork`: node
 * network-holder.ts OPTIONS, with the JSON of `HolderOptions`. Reads a JSON command a line and answers
 * each with a line; ends, and removes everything, with its input.
 */
import { createInterface } from "node:readline";

import { parseIpv4Block } from "../../src/core/ipv4.ts";
import type { Egress } from "../../src/core/egress.ts";
import { NamespaceNetwork } from "../../src/network/namespace-network.ts";

export interface HolderOptions {
  readonly dataDir: string;
  readonly bandwidthMbit: number;
}

export type HolderCommand =
  | { readonly do: "acquire"; readonly vmId: string; readonly egress: Egress }
  | { readonly do: "release"; readonly vmId: string }
  | { readonly do: "inspect"; readonly vmId: string };

const { dataDir, bandwidthMbit } = JSON.parse(process.argv[2] ?? "") as HolderOptions;
const log = { debug() {}, info() {}, warn: console.error, error: console.error };
const range = parseIpv4Block("198.18.0.0/16");
if (range === undefined) throw new Error("no range");
const network = await NamespaceNetwork.open({
  dataDir,
  range,
  egress: "internet",
  readySlots: 2,
  connections: 100,
  bandwidthMbit,
  nameServers: [],
  log,
});
const leases = new Map<string, Awaited<ReturnType<typeof network.acquire>>>();

async function obey(command: HolderCommand): Promise<unknown> {
  if (command.do === "inspect") return network.inspect(command.vmId);
  if (command.do === "release") {
    await leases.get(command.vmId)?.release();
    return null;
  }
  const lease = await network.acquire(command.vmId, command.egress);
  leases.set(command.vmId, lease);
  await lease.ready;
  return { address: lease.address, slot: lease.slot, namespace: lease.namespace };
}

process.stdout.write("ready\n");
for await (const line of createInterface(process.stdin)) {
  process.stdout.write(`${JSON.stringify(await obey(JSON.parse(line) as HolderCommand))}\n`);
}
await network[Symbol.asyncDispose]();
