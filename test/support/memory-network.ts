import type { Egress } from "../../src/core/egress.ts";
import { guestPort } from "../../src/core/vm.ts";
import type { NetworkFacts, NetworkLease, NetworkUse, VmNetwork } from "../../src/ports/network.ts";

/** A network that exists in memory only: it remembers who has what, and lets nothing through. */
export class MemoryNetwork implements VmNetwork {
  facts: NetworkFacts = { kind: "namespace", outbound: true, egress: "internet", notes: [] };
  /** The VMs that have a lease, with the slot of each. */
  readonly leases = new Map<string, number>();
  /** The policy that each VM was given last, with or without a lease. */
  readonly policies = new Map<string, Egress>();
  /** What `inspect` answers, by VM; null for all others. */
  readonly uses = new Map<string, NetworkUse>();
  /** Called before a policy is kept; a test replaces it to hold it up or let it fail. */
  setEgressWith: (vmId: string, egress: Egress) => Promise<void> = () => Promise.resolve();

  acquire(vmId: string, egress: Egress): Promise<NetworkLease> {
    const taken = new Set(this.leases.values());
    let slot = 1;
    while (taken.has(slot)) slot += 1;
    this.leases.set(vmId, slot);
    this.policies.set(vmId, egress);
    return Promise.resolve({
      address: { host: `127.0.0.${slot}`, port: guestPort },
      slot,
      namespace: null,
      ready: Promise.resolve(),
      release: () => {
        this.leases.delete(vmId);
        return Promise.resolve();
      },
    });
  }

  async setEgress(vmId: string, egress: Egress): Promise<void> {
    await this.setEgressWith(vmId, egress);
    this.policies.set(vmId, egress);
  }

  inspect(vmId: string): Promise<NetworkUse | null> {
    return Promise.resolve(this.uses.get(vmId) ?? null);
  }
}
