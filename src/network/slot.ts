import { formatIpv4, type Ipv4Block } from "../core/ipv4.ts";
import { tapGuest } from "../core/vm.ts";

/** The names and addresses of one VM's network: a slot in the range that the operator gave. */
export interface Slot {
  /** The address's place in the range. */
  readonly index: number;
  /** Where the host reaches the guest. */
  readonly address: string;
  readonly namespace: string;
  /** The host's end of the cable into the namespace; at most 15 characters. */
  readonly link: string;
}

/** What all slots of one manager have in common. */
export interface SlotPlan {
  /** 12 hexadecimal digits that tell the managers of a host apart. */
  readonly tag: string;
  readonly range: Ipv4Block;
}

/** The first slot; the range's own address and the gateway's come before it. */
export const firstIndex = 2;

const namespaceFolder = "/run/netns";

export function slotAt({ tag, range }: SlotPlan, index: number): Slot {
  return {
    index,
    address: formatIpv4(range.first + index),
    namespace: `firelet-${tag}-${index}`,
    link: `${linkPrefix(tag)}${index.toString(16)}`,
  };
}

/** How many slots the range has room for. */
export function slotCount({ range }: SlotPlan): number {
  // The last address of a range is a broadcast address to many.
  return Math.max(0, range.last - range.first - firstIndex);
}

/** What the host's ends of all cables begin with. */
export function linkPrefix(tag: string): string {
  return `fl${tag.slice(0, 6)}-`;
}

/** The host's link that has the gateway's address; at most 15 characters. */
export function gatewayLink({ tag }: SlotPlan): string {
  return `${linkPrefix(tag)}gw`;
}

/** The place in the range that a namespace's name tells; undefined where it is not one of ours. */
export function indexOfNamespace({ tag }: SlotPlan, namespace: string): number | undefined {
  const [, index] = new RegExp(`^firelet-${tag}-(\\d{1,8})$`).exec(namespace) ?? [];
  return index === undefined ? undefined : Number(index);
}

/** The host's address towards all its guests: the first of the range. */
export function gatewayOf({ range }: SlotPlan): string {
  return formatIpv4(range.first + 1);
}

export function namespacePath({ namespace }: Slot): string {
  return `${namespaceFolder}/${namespace}`;
}

/** The hardware address of the host's end of each cable. */
export const linkMac = "02:fc:00:00:01:01";

/** The same in every namespace, so that a clone finds what its template had. */
export const inside = {
  /** The namespace's end of the cable. */
  uplink: "up0",
  uplinkMac: "02:fc:00:00:01:02",
  tap: "tap0",
  tapAddress: tapGuest.gateway,
  tapMac: "02:fc:00:00:00:01",
  guestAddress: tapGuest.address,
  guestMac: tapGuest.mac,
  prefix: tapGuest.prefix,
} as const;
