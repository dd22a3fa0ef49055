import { runCommand } from "../os/run-command.ts";
import { loadRules, within } from "./nft.ts";
import {
  gatewayLink,
  gatewayOf,
  inside,
  linkMac,
  namespacePath,
  type Slot,
  type SlotPlan,
} from "./slot.ts";

const limitMs = 10_000;

/** The address of a slot is that of something else on this host. */
export class SlotTakenError extends Error {
  override readonly name = "SlotTakenError";
}

/**
 * Gives this host the gateway's address, in place of what an earlier manager left of it. On a link
 * of its own and not on those of the slots: Chromium, for one, drops all its connections whenever an
 * address of its host comes or goes, and VMs come and go all the time.
 */
export async function makeGateway(plan: SlotPlan): Promise<void> {
  const link = gatewayLink(plan);
  await removeGateway(plan);
  await ipBatch(
    [],
    [
      // Nobody opens this tap; unlike a dummy, it takes no kernel module that slots do not take.
      `tuntap add dev ${link} mode tap`,
      `link set ${link} addrgenmode none`,
      `address add ${gatewayOf(plan)}/32 dev ${link}`,
      `link set ${link} up`,
    ],
  );
}

/** Takes the gateway's address away from this host. Repeatable. */
export async function removeGateway(plan: SlotPlan): Promise<void> {
  await runUnlessAbsent(["ip", "link", "delete", "dev", gatewayLink(plan)]);
}

/**
 * Makes a slot: its namespace with a tap in it, the cable to the host, and `rules`. Rejects with
 * `SlotTakenError` where another network has its address; leaves nothing behind when it fails.
 */
export async function makeSlot(slot: Slot, gateway: string, rules: string): Promise<void> {
  const path = namespacePath(slot);
  await run(["ip", "netns", "add", slot.namespace]);
  try {
    await ipBatch([], hostSide(slot));
    await claim(slot, gateway);
    await run(within(path, ["sysctl", "-q", "-w", ...kernelSettings]));
    await ipBatch(["-n", slot.namespace], guestSide(slot, gateway));
    await loadRules(rules, path);
  } catch (error) {
    // Why it failed counts for more than what could not be removed after it.
    await removeSlot(slot).catch(() => undefined);
    throw error;
  }
}

/** The route claims the address: Linux has no two of them to the same one. */
async function claim({ link, address }: Slot, gateway: string): Promise<void> {
  try {
    await run(["ip", "route", "add", `${address}/32`, "dev", link, "src", gateway]);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes("File exists")) throw error;
    throw new SlotTakenError(`${address} is in use on this host`, { cause: error });
  }
}

/** Removes a slot, and whatever of it there is. Repeatable. */
export async function removeSlot({ link, namespace }: Slot): Promise<void> {
  // The link first, and by name: a namespace lives on for as long as a process is in it.
  await runUnlessAbsent(["ip", "link", "delete", "dev", link]);
  await runUnlessAbsent(["ip", "netns", "delete", namespace]);
}

/** The names of all network namespaces that this host has given a name. */
export async function listNamespaces(): Promise<string[]> {
  const { stdout } = await run(["ip", "-json", "netns", "list"]);
  if (stdout.trim() === "") return [];
  return (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name);
}

const kernelSettings = [
  "net.ipv4.ip_forward=1",
  // Each refusal is told, however many come at once.
  "net.ipv4.icmp_ratelimit=0",
  "net.ipv6.conf.all.disable_ipv6=1",
  "net.ipv6.conf.default.disable_ipv6=1",
];

/** Neither end of a cable has to ask who is at the other: hosts answer for other links' addresses or not. */
function hostSide({ namespace, link, address }: Slot): string[] {
  const { uplink, uplinkMac } = inside;
  const peer = `peer name ${uplink} address ${uplinkMac} netns ${namespace}`;
  return [
    `link add ${link} address ${linkMac} type veth ${peer}`,
    `link set ${link} addrgenmode none`,
    `link set ${link} up`,
    `neighbour add ${address} lladdr ${uplinkMac} dev ${link}`,
  ];
}

function guestSide({ address }: Slot, gateway: string): string[] {
  const { uplink, tap, tapMac, tapAddress, prefix } = inside;
  return [
    "link set lo up",
    `address add ${address}/32 dev ${uplink}`,
    `link set ${uplink} up`,
    `neighbour add ${gateway} lladdr ${linkMac} dev ${uplink}`,
    `route add ${gateway}/32 dev ${uplink}`,
    `route add default via ${gateway} dev ${uplink}`,
    `tuntap add dev ${tap} mode tap vnet_hdr`,
    `link set ${tap} address ${tapMac}`,
    `address add ${tapAddress}/${prefix} dev ${tap}`,
    `link set ${tap} up`,
  ];
}

async function ipBatch(options: readonly string[], commands: readonly string[]): Promise<void> {
  const input = `${commands.join("\n")}\n`;
  await runCommand(["ip", ...options, "-batch", "-"], { input, timeoutMs: limitMs });
}

function run(argv: readonly [string, ...string[]]) {
  return runCommand(argv, { timeoutMs: limitMs });
}

async function runUnlessAbsent(argv: readonly [string, ...string[]]): Promise<void> {
  try {
    await run(argv);
  } catch (error) {
    const absent = /Cannot find device|No such file or directory/;
    if (!(error instanceof Error) || !absent.test(error.message)) throw error;
  }
}
