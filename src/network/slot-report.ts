import type { NetworkUse, RefusedConnection } from "../ports/network.ts";

/** What nft(8) prints with `-j`, as far as it is read here; libnftables-json(5). */
interface Listing {
  readonly nftables: readonly {
    readonly counter?: { readonly name: string; readonly packets: number; readonly bytes: number };
    readonly set?: { readonly name: string; readonly elem?: readonly Element[] };
  }[];
}

interface Element {
  readonly elem: {
    readonly val: { readonly concat: readonly [string, string, number | string] };
    readonly counter?: { readonly packets: number };
  };
}

/** What the counters in a slot's tables say. */
export function readSlotReport(
  listings: readonly unknown[],
): Omit<NetworkUse, "egress" | "refusedNames"> {
  const objects = (listings as Listing[]).flatMap(({ nftables }) => nftables);
  const counters = new Map(
    objects.flatMap(({ counter }) => (counter === undefined ? [] : [[counter.name, counter]])),
  );
  const packets = (name: string) => counters.get(name)?.packets ?? 0;
  const bytes = (name: string) => counters.get(name)?.bytes ?? 0;
  const refused = objects.find(({ set }) => set?.name === "refused")?.set?.elem ?? [];
  return {
    sentBytes: bytes("sent"),
    receivedBytes: bytes("received"),
    dropped: {
      policy: packets("forbidden"),
      spoofed: packets("spoofed"),
      ipv6: packets("ipv6"),
      limit: packets("limited"),
    },
    refusedConnections: refused.map(toRefused).toSorted((a, b) => b.packets - a.packets),
  };
}

function toRefused({ elem: { val, counter } }: Element): RefusedConnection {
  const [address, protocol, port] = val.concat;
  return {
    address,
    protocol: protocol === "udp" ? "udp" : "tcp",
    port: Number(port),
    packets: counter?.packets ?? 0,
  };
}
