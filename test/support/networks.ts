import { LoopbackNetwork } from "../../src/network/loopback-network.ts";
import { type OpenNetwork, openHostNetwork, openNetwork } from "../../src/network/open-network.ts";

/** The network of VMs that bring their own stack, and let nothing out. */
export function userNetwork(): LoopbackNetwork {
  return new LoopbackNetwork({ kind: "user", outbound: false, egress: "none", notes: [] });
}

/** The network of functions that are processes of this host. */
export function processNetwork(): OpenNetwork {
  return openHostNetwork();
}

/** A network with a namespace for each VM; needs root, and a host of which nothing else is wanted. */
export function namespaceNetwork(dataDir: string): Promise<OpenNetwork> {
  const silent = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: () => undefined,
  };
  return openNetwork(
    {
      mode: "namespace",
      range: "198.18.0.0/24",
      egress: "internet",
      readySlots: 2,
      connections: 100,
      bandwidthMbit: 0,
      nameServers: [],
    },
    { dataDir, log: silent },
  );
}
