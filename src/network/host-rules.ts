import { alwaysClosed } from "../core/egress.ts";
import { guestPort } from "../core/vm.ts";
import { refuse } from "./slot-rules.ts";
import { linkPrefix } from "./slot.ts";

export interface HostRulesOptions {
  /** Tells the managers of a host apart. */
  readonly tag: string;
  /** Where our name server listens. */
  readonly gateway: string;
  readonly namePort: number;
  /** The user that the manager runs as. */
  readonly uid: number;
  /** All guests of this manager, as FIRST-LAST. */
  readonly range: string;
  /** Connections that a guest may have open at once. */
  readonly connections: number;
}

/** Look-ups of one guest that the host keeps account of at once. */
const mostLookUps = 512;

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
export function hostRules(options: HostRulesOptions): string {
  const { tag, gateway, namePort, uid, range, connections } = options;
  const guests = `"${linkPrefix(tag)}*"`;
  return `
table ${hostTable(tag)} { }
delete table ${hostTable(tag)}
table ${hostTable(tag)} {
  set connections { type ipv4_addr; flags dynamic; size 65535; }
  set look_ups { type ipv4_addr; flags dynamic; size 65535; }
  chain input {
    type filter hook input priority filter;
    iifname ${guests} jump from_guests
  }
  chain from_guests {
    ct direction reply ct state established,related accept
    ip saddr != ${range} drop
    ip daddr ${gateway} meta l4proto { tcp, udp } th dport ${namePort} jump look_up
    meta nfproto ipv6 drop
    ${refuse}
  }
  chain look_up {
    ct state new add @look_ups { ip saddr ct count over ${mostLookUps} } drop
    accept
  }
  chain output {
    type filter hook output priority filter;
    oifname ${guests} jump to_guests
  }
  chain to_guests {
    ct direction reply accept
    ct state established accept
    tcp dport ${guestPort} meta skuid ${uid} accept
    meta nfproto ipv6 drop
    ${refuse}
  }
  chain forward {
    type filter hook forward priority filter;
    iifname ${guests} jump out_of_guests
    oifname ${guests} ct direction reply ct state established,related accept
    oifname ${guests} ct state related accept
    oifname ${guests} drop
  }
  chain out_of_guests {
    oifname ${guests} drop
    ip saddr != ${range} drop
    ip daddr { ${alwaysClosed.join(", ")} } drop
    ct status dnat jump refuse
    ct state new add @connections { ip saddr ct count over ${connections} } drop
    meta nfproto ipv4 accept
    drop
  }
  chain refuse {
    ${refuse}
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
