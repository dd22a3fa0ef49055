import { PlatformError } from "./errors.ts";
import { type Ipv4Block, overlaps, parseIpv4Block } from "./ipv4.ts";

/**
 * Where a function's VMs may connect to. `internet` is everything but private and special
 * addresses; a list allows what its entries name: `internet`, or an address, a block
 * (`203.0.113.0/24`) or a host name (`api.example.com`, `*.example.com`), each with an optional
 * port or range of ports (`:443`, `:8000-8999`).
 */
export type Egress = "none" | "internet" | readonly string[];

export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** One thing that a policy allows. Null ports are all ports, of TCP and UDP. */
export type EgressRule =
  | { readonly kind: "internet" }
  | { readonly kind: "block"; readonly block: string; readonly ports: PortRange | null }
  | { readonly kind: "name"; readonly name: string; readonly ports: PortRange | null };

/** How many entries a list may have. */
export const maxEgressEntries = 64;

/**
 * Blocks outside of `internet`: addresses that are private, special or of no host in the Internet;
 * the IANA IPv4 Special-Purpose Address Registry (RFC 6890), and multicast and reserved ones.
 */
export const notInternet: readonly string[] = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3",
];

/** Blocks that no policy opens: this host, what is on its own link (metadata services), groups. */
export const alwaysClosed: readonly string[] = [
  "0.0.0.0/8",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "224.0.0.0/3",
];

const hostName =
  /^(\*\.)?(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** What a policy allows; nothing for `none`. Throws `invalid_request` with what was found. */
export function egressRules(egress: Egress): EgressRule[] {
  if (egress === "none") return [];
  if (egress === "internet") return [{ kind: "internet" }];
  if (egress.length > maxEgressEntries) {
    throw invalid(`found ${egress.length} entries, want at most ${maxEgressEntries}`);
  }
  return egress.map(toRule);
}

function toRule(entry: string): EgressRule {
  if (entry === "internet") return { kind: "internet" };
  const [target = "", portText, ...rest] = entry.split(":");
  const ports = portText === undefined ? null : parsePorts(portText);
  const block = parseIpv4Block(target);
  if (rest.length > 1) throw invalid(`found "${entry}", and IPv6 is closed to functions`);
  if (ports === undefined || rest.length > 0) {
    throw invalid(`found "${entry}", want a port or a range of ports from 1 to 65535 after ":"`);
  }
  if (block !== undefined) {
    refuseClosed(entry, block);
    return { kind: "block", block: target, ports };
  }
  if (entry === "none") throw invalid('found "none" in a list, want it alone');
  const name = target.toLowerCase();
  if (hostName.test(name)) return { kind: "name", name, ports };
  throw invalid(
    `found "${entry}", want "internet", an IPv4 address, a block such as 203.0.113.0/24 that has no bits beyond its prefix, or a host name such as api.example.com or *.example.com`,
  );
}

function refuseClosed(entry: string, block: Ipv4Block): void {
  for (const closed of alwaysClosed) {
    const other = parseIpv4Block(closed);
    if (other === undefined || !overlaps(block, other)) continue;
    throw invalid(`found "${entry}", which has addresses of ${closed}: those are always closed`);
  }
}

/** Undefined where the text is no port and no range of ports. */
function parsePorts(text: string): PortRange | undefined {
  const [, from = "", to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const range = { from: Number(from), to: Number(to) };
  return range.from >= 1 && range.from <= range.to && range.to <= 65_535 ? range : undefined;
}

/**
 * The places in `rules` of those that name `name`, which is lower-case and without a final dot.
 * `*.example.com` is every name below example.com, and not that name itself.
 */
export function rulesForName(rules: readonly EgressRule[], name: string): number[] {
  return rules.flatMap((rule, index) => {
    if (rule.kind !== "name") return [];
    const below = rule.name.startsWith("*.");
    const fits = below ? name.endsWith(rule.name.slice(1)) : name === rule.name;
    return fits ? [index] : [];
  });
}

/** Whether a policy lets a name be looked up: all may be where it opens the Internet. */
export function mayLookUp(rules: readonly EgressRule[], name: string): boolean {
  return rules.some(({ kind }) => kind === "internet") || rulesForName(rules, name).length > 0;
}

function invalid(what: string): PlatformError {
  return new PlatformError("invalid_request", `Invalid egress: ${what}`);
}
