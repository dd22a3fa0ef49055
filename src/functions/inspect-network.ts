import { PlatformError } from "../core/errors.ts";
import type { VmSpec } from "../core/vm.ts";
import type { NetworkKind, NetworkUse } from "../ports/network.ts";
import type { Platform } from "./platform.ts";

/** Why nothing is known of what a VM sends, by the kind of its network. */
const reasons: Readonly<Record<NetworkKind, string>> = {
  namespace: "it is starting or has ended",
  user: "its VMM brings a network of its own, which lets nothing out and keeps no account",
  host: "functions are processes of this host, and use its network",
};

/** What a VM sent, got and may not connect to. Rejects with `no_network` where nothing is kept of it. */
export async function inspectNetwork(
  { network }: Pick<Platform, "network">,
  { id, name }: Pick<VmSpec, "id" | "name">,
): Promise<NetworkUse> {
  const use = await network.inspect(id);
  if (use !== null) return use;
  const message = `Cannot inspect the network of VM "${name}": ${reasons[network.facts.kind]}`;
  throw new PlatformError("no_network", message);
}
