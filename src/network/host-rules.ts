import { guestPort } from "../core/vm.ts";
import { linkPrefix } from "./slot.ts";

export interface HostRulesOptions {
  /** Tells the managers of a host apart. */
  readonly tag: string;
  /** Where our name server listens. */
  readonly gateway: string;
  readonly namePort: number;
  /** The user that the manager runs as. */
  readonly uid: number;
}

/** The table in the host's own namespace. */
export function hostTable(tag: string): string {
  return `inet firelet_${tag}`;
}

/**
 * What holds between this host and all guests of one manager, whatever their policies: in from a
 * guest come name look-ups and answers to the manager, out to a guest go the manager's calls, and
 * what a guest's policy let out goes on to other networks with the host's address, never to
 * another guest, nor to where this host passes on what comes in at its own address (a container, for
 * instance). In nftables' own language; replaces the table of before, in one transaction.
 */
export function hostRules({ tag, gateway, namePort, uid }: HostRulesOptions): string {
  const guests = `"${linkPrefix(tag)}*"`;
  return `
table ${hostTable(tag)} { }
delete table ${hostTable(tag)}
table ${hostTable(tag)} {
  chain input {
    type filter hook input priority filter;
    iifname ${guests} jump from_guests
  }
  chain from_guests {
    ct direction reply ct state established,related accept
    ip daddr ${gateway} meta l4proto { tcp, udp } th dport ${namePort} accept
    meta nfproto ipv6 drop
    reject with icmp type admin-prohibited
  }
  chain output {
    type filter hook output priority filter;
    oifname ${guests} jump to_guests
  }
  chain to_guests {
    ct direction reply accept
    tcp dport ${guestPort} meta skuid ${uid} accept
    meta nfproto ipv6 drop
    reject with icmp type admin-prohibited
  }
  chain forward {
    type filter hook forward priority filter;
    iifname ${guests} oifname ${guests} drop
    iifname ${guests} ct status dnat reject with icmp type admin-prohibited
    iifname ${guests} meta nfproto ipv4 accept
    iifname ${guests} drop
    oifname ${guests} ct direction reply ct state established,related accept
    oifname ${guests} ct state related accept
    oifname ${guests} drop
  }
  chain nat_out {
    type nat hook postrouting priority srcnat;
    iifname ${guests} masquerade
  }
}
`;
}

/** Takes the table away, whether it is there or not. */
export function noHostRules(tag: string): string {
  return `table ${hostTable(tag)} { }\ndelete table ${hostTable(tag)}\n`;
}
