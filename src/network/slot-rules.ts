import { alwaysClosed, notInternet } from "../core/egress.ts";
import { guestPort } from "../core/vm.ts";
import { inside, type Slot } from "./slot.ts";

/** What the rules of a slot are made from beside the slot. */
export interface SlotLimits {
  readonly gateway: string;
  /** All guests of this manager, as FIRST-LAST. */
  readonly range: string;
  /** Where our name server listens, at the gateway. */
  readonly namePort: number;
  /** Connections that a guest may have open at once. */
  readonly connections: number;
  /** For each direction; 0 is no limit. */
  readonly bandwidthMbit: number;
}

/** The table in a slot's namespace. */
export const slotTable = "inet firelet";

const { uplink, tap, tapAddress, guestAddress, guestMac } = inside;

/** The longest packet with a query in it: the name server reads 512 bytes. */
const longestLookUp = 600;

/** An answer and not a silence: for programs it is as if nobody listened there. */
export const refuse = `meta l4proto tcp reject with tcp reset
    reject with icmp type port-unreachable`;

/** What QEMU sends for a guest that it has restored, to tell switches where it is now; RFC 903. */
const reverseArp = "0x8035";

/** How many names a guest may look up a second; twice as many at once after a pause. */
const lookUpsPerSecond = 100;

/**
 * What holds in a slot whatever its egress policy: nftables' own language, to be loaded in the
 * slot's namespace. The policy itself is in the chains that `egress-rules.ts` fills.
 */
export function slotRules(slot: Slot, limits: SlotLimits): string {
  return `
${guestRules}
table ${slotTable} {
${setsAndCounters}
${translation(slot, limits)}
${filters(limits)}
}
`;
}

/** Whatever the guest sends bears its own addresses, or is dropped before anything else sees it. */
const guestRules = `
table netdev firelet {
  counter spoofed { }
  counter ipv6 { }
  chain from_guest {
    type filter hook ingress device "${tap}" priority filter; policy drop;
    ether type ip6 counter name ipv6 drop
    ether type ${reverseArp} drop
    ether saddr ${guestMac} ether type ip ip saddr ${guestAddress} accept
    ether saddr ${guestMac} ether type arp arp saddr ether ${guestMac} arp saddr ip ${guestAddress} accept
    counter name spoofed drop
  }
}`;

const setsAndCounters = `
  counter sent { }
  counter received { }
  counter forbidden { }
  counter limited { }
  set not_internet {
    type ipv4_addr
    flags interval
    elements = { ${notInternet.join(", ")} }
  }
  set refused {
    type ipv4_addr . inet_proto . inet_service
    flags dynamic, timeout
    size 256
    timeout 15m
    counter
  }`;

/** A packet of the guest's that asks our name server. */
const asksName = `ip daddr ${tapAddress} meta l4proto { tcp, udp } th dport 53`;

/** The manager's calls go in, look-ups go to our name server, and all else goes out as the slot. */
function translation(slot: Slot, { gateway, namePort }: SlotLimits): string {
  return `
  chain nat_in {
    type nat hook prerouting priority dstnat;
    iifname "${uplink}" ip saddr ${gateway} ip daddr ${slot.address} tcp dport ${guestPort} dnat ip to ${guestAddress}:${guestPort}
    iifname "${tap}" ${asksName} dnat ip to ${gateway}:${namePort}
  }
  chain nat_out {
    type nat hook postrouting priority srcnat;
    oifname "${uplink}" snat ip to ${slot.address}
  }`;
}

/**
 * What comes out of the namespace itself is the kernel's refusals, to the guest. What has a socket is
 * of a VMM that its guest has taken over, and goes nowhere.
 */
function filters({ gateway, range, connections, bandwidthMbit }: SlotLimits): string {
  const policed = bandwidthMbit === 0 ? "" : `${policer(bandwidthMbit)} counter name limited drop`;
  const isLookUp = `ip daddr ${gateway} ct status dnat`;
  // A clone still has the connections over which the manager called its template.
  const leftOver = `ip daddr ${gateway} tcp sport ${guestPort}`;
  const tooOften = `limit rate over ${lookUpsPerSecond}/second burst ${2 * lookUpsPerSecond} packets`;
  return `
  chain input {
    type filter hook input priority filter; policy drop;
    ${refuse}
  }
  chain output {
    type filter hook output priority filter; policy drop;
    meta skuid >= 0 drop
    oifname "${tap}" accept
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    iifname "${uplink}" oifname "${tap}" ip saddr ${gateway} ct status dnat accept
    iifname "${uplink}" oifname "${tap}" ct state established,related jump inbound
    iifname "${tap}" oifname "${uplink}" jump outbound
  }
  chain inbound {
    ${policed}
    ct state related accept
    jump returning
    counter name forbidden drop
  }
  chain outbound {
    ct state invalid drop
    ct direction reply ct state established,related accept
    ${leftOver} reject with tcp reset
    ${isLookUp} meta l4proto udp meta length > ${longestLookUp} counter name limited drop
    ${isLookUp} meta l4proto udp ${tooOften} counter name limited drop
    ${isLookUp} meta l4proto tcp ct state new ${tooOften} counter name limited drop
    ${isLookUp} accept
    ${policed}
    jump egress
    meta l4proto { tcp, udp } update @refused { ip daddr . meta l4proto . th dport }
    counter name forbidden
    ${refuse}
  }
  chain egress { }
  chain returning { }
  chain host_egress { }
  chain function_egress { }
  chain guarded {
    meta l4proto != { tcp, udp } return
    ip daddr { ${[...alwaysClosed, range].join(", ")} } return
    ct state new ct count over ${connections} counter name limited drop
    jump host_egress
  }`;
}

/** Matches what is more than so many Mbit/s; the kernel lets a second's worth come at once. */
function policer(mbit: number): string {
  return `limit rate over ${mbit * 125} kbytes/second`;
}
