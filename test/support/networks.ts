import { LoopbackNetwork } from "../../src/network/loopback-network.ts";
import { type OpenNetwork, openHostNetwork } from "../../src/network/open-network.ts";

/** The network of VMs that bring their own stack, and let nothing out. */
export function userNetwork(): LoopbackNetwork {
  return new LoopbackNetwork({ kind: "user", outbound: false, egress: "none", notes: [] });
}

/** The network of functions that are processes of this host. */
export function processNetwork(): OpenNetwork {
  return openHostNetwork();
}
