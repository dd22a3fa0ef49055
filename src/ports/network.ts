import type { Egress } from "../core/egress.ts";
import type { GuestAddress } from "../core/vm.ts";

/**
 * What a VM's network is. `namespace`: a network namespace of its own, with an address on this host
 * and an egress policy. `user`: the VMM's own stack, which lets nothing out. `host`: that of the
 * host, for what is no VM.
 */
export type NetworkKind = "namespace" | "user" | "host";

/** What an operator should know of the network that VMs have. */
export interface NetworkFacts {
  readonly kind: NetworkKind;
  /** Whether egress policies can be kept by letting through what they allow. */
  readonly outbound: boolean;
  /** What the operator lets any function connect to at most. */
  readonly egress: Egress;
  /** Why it is not a namespace each, and what would change that: a sentence each. */
  readonly notes: readonly string[];
}

/** A namespace that a VMM is to be started in. */
export interface NetworkNamespace {
  /** Absolute; a VMM enters it with nsenter(1) or setns(2). */
  readonly path: string;
  /** The tap device in it that the guest's network card is. */
  readonly tap: string;
}

/** The network of one VM, until it is released. */
export interface NetworkLease {
  /** Where the host reaches the guest's runtime server. */
  readonly address: GuestAddress;
  /** Which of this host's VMs it is: a number from 1 that no other VM has at the same time. */
  readonly slot: number;
  /** Null where the VMM brings a network stack of its own. */
  readonly namespace: NetworkNamespace | null;
  /** Resolves when the VM's egress policy holds; rejects where it cannot be set. */
  readonly ready: Promise<void>;
  /** Ends everything of it. Never rejects; repeatable. */
  release(): Promise<void>;
}

/** A place that a VM tried to connect to, and may not. */
export interface RefusedConnection {
  readonly address: string;
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  /** Packets, tries again among them. */
  readonly packets: number;
}

/** What a VM sent to and got from outside, and what of it was refused. */
export interface NetworkUse {
  readonly egress: Egress;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Packets by why they were dropped or refused. */
  readonly dropped: {
    /** The egress policy does not allow it. */
    readonly policy: number;
    /** An address that is not the guest's own. */
    readonly spoofed: number;
    readonly ipv6: number;
    /** More connections at once, or more bytes a second, than a VM may have. */
    readonly limit: number;
  };
  /** Of the last 15 minutes, the most tried first. */
  readonly refusedConnections: readonly RefusedConnection[];
  /** Names that the policy does not let it look up, the newest last; at most 100. */
  readonly refusedNames: readonly string[];
}

/** The network of this host's VMs. */
export interface VmNetwork {
  readonly facts: NetworkFacts;
  /** Takes a network for a VM; rejects where there is none to be had. */
  acquire(vmId: string, egress: Egress): Promise<NetworkLease>;
  /** Lets a VM's new policy hold; does nothing for a VM that has no lease, or cannot have one. */
  setEgress(vmId: string, egress: Egress): Promise<void>;
  /** Null for a VM that has no lease, or whose network keeps no account. */
  inspect(vmId: string): Promise<NetworkUse | null>;
}
