import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ApiError, client, type VmItem, type VmNetworkItem } from "../../api.ts";
import { formatBytes, formatNumber } from "../../ui/format.ts";
import { ErrorNotice, Loading, Notice } from "../../ui/notices.tsx";
import { Card, Facts } from "../../ui/page.tsx";

/** What a VM sent and received, and what it was not allowed to reach. */
export function VmNetwork({
  vm,
  gone,
}: {
  readonly vm: VmItem;
  readonly gone: boolean;
}): ReactNode {
  const { data, error, refetch } = useQuery({
    queryKey: ["vms", vm.id, "network"],
    queryFn: () => client.getVmNetwork(vm.id),
    refetchInterval: gone ? false : 5_000,
  });
  if (error instanceof ApiError && error.code === "no_network") {
    return (
      <Notice tone="calm">
        <p>{error.message}</p>
      </Notice>
    );
  }
  return (
    <>
      {error && !gone && <ErrorNotice error={error} retry={() => void refetch()} />}
      {data !== undefined && <Network network={data} />}
      {data === undefined && !error && <Loading lines={3} />}
    </>
  );
}

function Network({ network }: { readonly network: VmNetworkItem }): ReactNode {
  const { dropped } = network;
  return (
    <div className="page">
      <Card title="Traffic">
        <Facts
          items={{
            "May connect to": <Egress egress={network.egress} />,
            Sent: formatBytes(network.sent_bytes),
            Received: formatBytes(network.received_bytes),
          }}
        />
      </Card>
      <Card title="Dropped packets">
        <Facts
          items={{
            "Not allowed by its policy": formatNumber(dropped.policy),
            "From an address not its own": formatNumber(dropped.spoofed),
            "IPv6, which is closed": formatNumber(dropped.ipv6),
            "Over its limits": formatNumber(dropped.limit),
          }}
        />
      </Card>
      <Connections connections={network.refused_connections} />
      <Card title="Refused names">
        {network.refused_names.length === 0 ? (
          <p className="subtle">No name that it looked up was refused.</p>
        ) : (
          <ul className="vm-names">
            {network.refused_names.toReversed().map((name) => (
              <li key={name}>
                <code>{name}</code>
              </li>
            ))}
          </ul>
        )}
      </Card>
    </div>
  );
}

function Egress({ egress }: { readonly egress: VmNetworkItem["egress"] }): ReactNode {
  if (egress === "none") return "Nothing";
  if (egress === "internet") return "The internet, but no private addresses";
  return <code>{egress.join(", ")}</code>;
}

function Connections({
  connections,
}: {
  readonly connections: VmNetworkItem["refused_connections"];
}): ReactNode {
  return (
    <Card title="Refused connections of the last 15 minutes" flush={connections.length > 0}>
      {connections.length === 0 ? (
        <p className="subtle">It tried nothing that it may not reach.</p>
      ) : (
        <div className="table-scroll" role="region" aria-label="Refused connections" tabIndex={0}>
          <table className="table">
            <thead>
              <tr>
                <th scope="col">Address</th>
                <th scope="col">Protocol</th>
                <th scope="col" className="number">
                  Port
                </th>
                <th scope="col" className="number">
                  Packets
                </th>
              </tr>
            </thead>
            <tbody>
              {connections.map(({ address, protocol, port, packets }) => (
                <tr key={`${protocol} ${address} ${port}`}>
                  <td>
                    <code>{address}</code>
                  </td>
                  <td>{protocol.toUpperCase()}</td>
                  <td className="number">{port}</td>
                  <td className="number">{formatNumber(packets)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}
