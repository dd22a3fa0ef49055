import { type EgressRule, notInternet, type PortRange, rulesForName } from "../core/egress.ts";
import { overlaps, parseIpv4Block } from "../core/ipv4.ts";
import { slotTable } from "./slot-rules.ts";

/** What a guest's packets have to pass: the operator's rules, and then the function's. */
export interface SlotPolicy {
  /**
   * Counts the policies of a slot, from 1. A connection bears the number of the one that let it
   * through, so that those which an earlier one let through are judged again.
   */
  readonly epoch: number;
  readonly host: readonly EgressRule[];
  readonly function: readonly EgressRule[];
}

const sides = ["host", "function"] as const;
type Side = (typeof sides)[number];

/** What a name stands for, as its answer said. */
export interface ResolvedAddress {
  readonly address: string;
  readonly ttlSeconds: number;
}

/**
 * How long an address may be connected to after its name was looked up, at least: programs connect
 * somewhat later, and some keep addresses longer than they should.
 */
const leastOpenSeconds = 60;
const mostOpenSeconds = 3_600;

/** How many addresses the names of one rule may stand for at the same time. */
const openAddresses = 1_024;

/**
 * The commands that put `policy` in the place of those before, in one transaction. Of those, one
 * that failed may be in the kernel or not.
 */
export function policyScript(policy: SlotPolicy, before: readonly SlotPolicy[]): string {
  const { epoch } = policy;
  const chains = ["egress", "returning", "host_egress", "function_egress"];
  return [
    ...chains.map((chain) => `flush chain ${slotTable} ${chain}`),
    // What is not there cannot be deleted, so it is made first.
    ...before.flatMap((one) =>
      nameSets(one).flatMap((set) => [added(set), `delete set ${slotTable} ${set}`]),
    ),
    ...nameSets(policy).map(added),
    rule("returning", `ct mark ${epoch} counter name received accept`),
    rule("egress", `ct state established ct mark ${epoch} counter name sent accept`),
    rule("egress", "jump guarded"),
    ...rulesOf(policy, "host", "goto function_egress"),
    ...rulesOf(policy, "function", `ct mark set ${epoch} counter name sent accept`),
    "",
  ].join("\n");
}

function rulesOf(policy: SlotPolicy, side: Side, verdict: string): string[] {
  return policy[side].map((one, place) => {
    const set = nameSet(policy, side, place);
    return rule(`${side}_egress`, `${matchOf(one, set)} ${verdict}`);
  });
}

function matchOf(one: EgressRule, set: string): string {
  switch (one.kind) {
    case "internet":
      return "ip daddr != @not_internet";
    case "block":
      return `ip daddr ${one.block} ${portsOf(one.ports)}`;
    case "name":
      return `ip daddr @${set} ${portsOf(one.ports)}`;
  }
}

function portsOf(ports: PortRange | null): string {
  return ports === null ? "" : `th dport ${ports.from}-${ports.to}`;
}

function added(set: string): string {
  return `add set ${slotTable} ${set} { type ipv4_addr; flags timeout; size ${openAddresses}; }`;
}

function rule(chain: string, text: string): string {
  return `add rule ${slotTable} ${chain} ${text}`;
}

/** The set of addresses that the name in a rule stands for now; one for all rules with that name. */
function nameSet(policy: SlotPolicy, side: Side, place: number): string {
  const rules = policy[side];
  const wanted = rules[place];
  const first = rules.findIndex(
    (one) => one.kind === "name" && wanted?.kind === "name" && one.name === wanted.name,
  );
  return `${side}_${policy.epoch}_${first}`;
}

function nameSets(policy: SlotPolicy): string[] {
  const sets = sides.flatMap((side) =>
    policy[side].flatMap(({ kind }, place) =>
      kind === "name" ? [nameSet(policy, side, place)] : [],
    ),
  );
  return [...new Set(sets)];
}

/** An address that may be connected to for a while, because its name may. */
export interface OpenedAddress {
  readonly set: string;
  readonly address: string;
  readonly seconds: number;
}

/**
 * What has to be opened when `name` has been found to stand for `addresses`. A name opens addresses
 * of the Internet only: whoever owns it could else make it stand for any machine near this host.
 */
export function openedBy(
  policy: SlotPolicy,
  name: string,
  addresses: readonly ResolvedAddress[],
): OpenedAddress[] {
  const sets = sides.flatMap((side) =>
    rulesForName(policy[side], name).map((place) => nameSet(policy, side, place)),
  );
  return addresses
    .filter(({ address }) => isInternet(address))
    .flatMap(({ address, ttlSeconds }) =>
      [...new Set(sets)].map((set) => ({ set, address, seconds: openFor(ttlSeconds) })),
    );
}

function openFor(ttlSeconds: number): number {
  return Math.min(Math.max(ttlSeconds, leastOpenSeconds), mostOpenSeconds);
}

/** The commands that open addresses, from now on for their time; those that were open as well. */
export function openingScript(opened: readonly OpenedAddress[]): string {
  const sets = Map.groupBy(opened, ({ set }) => set);
  return [...sets]
    .flatMap(([set, ofSet]) => {
      const elements = (text: (one: OpenedAddress) => string) =>
        `element ${slotTable} ${set} { ${ofSet.map(text).join(", ")} }`;
      const bare = elements(({ address }) => address);
      // Adding what is there would leave it its old time.
      return [
        `add ${bare}`,
        `delete ${bare}`,
        `add ${elements(({ address, seconds }) => `${address} timeout ${seconds}s`)}`,
      ];
    })
    .join("\n");
}

function isInternet(address: string): boolean {
  const own = parseIpv4Block(address);
  return own !== undefined && !notInternet.some((block) => overlaps(own, parseIpv4Block(block)!));
}
