import { Command } from "commander";
import type { VmNetworkItem } from "../../api/vms.ts";
import type { Cli } from "../cli.ts";
import { byteCount, egressText } from "../format.ts";
import { fields, table } from "../table.ts";

export function vmsNetwork(cli: Cli): Command {
  return new Command("network")
    .description("Show what a VM sent and received, and what it may not connect to")
    .argument("<vm>", "name or id")
    .action(async (id: string) => {
      const network = await cli.client().getVmNetwork(id);
      cli.out.result(network, () => describe(cli, network));
    });
}

function describe({ out }: Cli, network: VmNetworkItem): string {
  const { dropped, refused_connections: connections, refused_names: names } = network;
  const figures = fields([
    ["May connect to", egressText(network.egress)],
    ["Sent", byteCount(network.sent_bytes)],
    ["Received", byteCount(network.received_bytes)],
    ["Refused by policy", packets(dropped.policy)],
    ["Dropped over limits", packets(dropped.limit)],
    ["Dropped as IPv6", packets(dropped.ipv6)],
    ["Dropped as spoofed", packets(dropped.spoofed)],
  ]);
  const places = table(
    connections,
    [
      { title: "ADDRESS", value: ({ address }) => address },
      { title: "PORT", value: ({ port, protocol }) => `${port}/${protocol}` },
      { title: "PACKETS", value: (refused) => String(refused.packets) },
    ],
    out.width,
  );
  return [
    figures,
    ...(connections.length === 0 ? [] : [`Refused connections of the last 15 minutes:\n${places}`]),
    // A guest chooses what it looks up.
    ...(names.length === 0
      ? []
      : [
          `Refused names, the newest last:\n${names.map((name) => out.guestText(name)).join("\n")}`,
        ]),
  ].join("\n\n");
}

function packets(count: number): string {
  return count === 1 ? "1 packet" : `${count} packets`;
}
