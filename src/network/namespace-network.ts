import { randomInt } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";

import type { Egress } from "../core/egress.ts";
import { formatIpv4, type Ipv4Block } from "../core/ipv4.ts";
import { dataFolderTag } from "../os/data-folder-tag.ts";
import type { Log } from "../ports/log.ts";
import type { NetworkFacts, NetworkLease, NetworkUse, VmNetwork } from "../ports/network.ts";
import { policyScript } from "./egress-rules.ts";
import { hostRules, noHostRules } from "./host-rules.ts";
import { NameServer } from "./name-server/name-server.ts";
import type { NameClient } from "./name-server/responder.ts";
import type { UpstreamServer } from "./name-server/upstream.ts";
import { loadRules } from "./nft.ts";
import { listNamespaces, makeGateway, removeGateway, removeSlot } from "./slot-commands.ts";
import { firstPolicy, SlotLease } from "./slot-lease.ts";
import { SlotPool } from "./slot-pool.ts";
import { slotRules } from "./slot-rules.ts";
import { gatewayOf, indexOfNamespace, type Slot, slotAt, type SlotPlan } from "./slot.ts";

export interface NamespaceNetworkOptions {
  /** Tells the networks of two managers on one host apart. */
  readonly dataDir: string;
  /** Where guests have their addresses on this host. */
  readonly range: Ipv4Block;
  /** What the operator allows all functions. */
  readonly egress: Egress;
  readonly readySlots: number;
  /** Connections to outside that a guest may have open at once. */
  readonly connections: number;
  /** For each guest and direction; 0 is no limit. */
  readonly bandwidthMbit: number;
  /** Whom our name server asks. */
  readonly nameServers: readonly UpstreamServer[];
  readonly log: Log;
}

/** Ports of which one at random is the name server's: above what services are given. */
const firstNamePort = 20_000;
const lastNamePort = 32_000;
const portAttempts = 3;

/** VMs have numbers beyond those of the loopback addresses that VMs without a namespace have. */
const firstNumber = 2 ** 22;
const numbers = 2 ** 24;

const forwarding = "/proc/sys/net/ipv4/ip_forward";

/** Gives each VM a network namespace of its own, with an address on this host, and its egress policy. */
export class NamespaceNetwork implements VmNetwork, AsyncDisposable {
  readonly facts: NetworkFacts;
  readonly #options: NamespaceNetworkOptions;
  readonly #plan: SlotPlan;
  readonly #pool: SlotPool;
  readonly #byVm = new Map<string, SlotLease>();
  readonly #byAddress = new Map<string, SlotLease>();
  readonly #numbers = new Set<number>();
  readonly #undo = new AsyncDisposableStack();
  readonly #namePort = randomInt(firstNamePort, lastNamePort);

  private constructor(options: NamespaceNetworkOptions) {
    const { dataDir, range, readySlots, log } = options;
    const tag = dataFolderTag(dataDir);
    this.facts = { kind: "namespace", outbound: true, egress: options.egress, notes: [] };
    this.#options = options;
    this.#plan = { tag, range };
    const rulesFor = (slot: Slot) => this.#rulesFor(slot);
    this.#pool = new SlotPool({ plan: this.#plan, ready: readySlots, rulesFor, log });
  }

  /**
   * Frees what an earlier manager of this data folder left, and makes the first slots. Rejects,
   * leaving nothing behind, where this host does not let it.
   */
  static async open(options: NamespaceNetworkOptions): Promise<NamespaceNetwork> {
    for (let attempt = 1; ; attempt += 1) {
      const network = new NamespaceNetwork(options);
      try {
        await network.#open();
        return network;
      } catch (error) {
        await network[Symbol.asyncDispose]();
        // Another manager of this host may have the port at the same address.
        const { code } = error as NodeJS.ErrnoException;
        if (code !== "EADDRINUSE" || attempt === portAttempts) throw error;
      }
    }
  }

  async acquire(vmId: string, egress: Egress): Promise<NetworkLease> {
    const slot = await this.#pool.take();
    const number = this.#takeNumber();
    const lease = new SlotLease({
      slot,
      number,
      hostEgress: this.#options.egress,
      egress,
      giveBack: async () => {
        this.#byVm.delete(vmId);
        this.#byAddress.delete(slot.address);
        this.#numbers.delete(number);
        await this.#pool.giveBack(slot);
      },
    });
    this.#byVm.set(vmId, lease);
    this.#byAddress.set(slot.address, lease);
    return lease;
  }

  /**
   * At random, since the index of a slot is another VM's in another manager's range, or in another
   * network namespace of the same host.
   */
  #takeNumber(): number {
    for (;;) {
      const number = randomInt(firstNumber, firstNumber + numbers);
      if (this.#numbers.has(number)) continue;
      this.#numbers.add(number);
      return number;
    }
  }

  async setEgress(vmId: string, egress: Egress): Promise<void> {
    await this.#byVm.get(vmId)?.setEgress(egress);
  }

  async inspect(vmId: string): Promise<NetworkUse | null> {
    return (await this.#byVm.get(vmId)?.inspect()) ?? null;
  }

  /** Removes every slot, and all rules. The VMs that had them must have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#byVm.values()].map((lease) => lease.release()));
    await this.#undo.disposeAsync();
  }

  async #open(): Promise<void> {
    for (const name of await listNamespaces()) {
      const index = indexOfNamespace(this.#plan, name);
      if (index !== undefined) await removeSlot(slotAt(this.#plan, index));
    }
    if (this.#options.egress !== "none") await this.#letForward();
    this.#undo.defer(() => loadRules(noHostRules(this.#plan.tag), null));
    this.#undo.defer(() => removeGateway(this.#plan));
    this.#undo.defer(() => this.#pool.close());
    await makeGateway(this.#plan);
    await loadRules(
      hostRules({
        tag: this.#plan.tag,
        gateway: gatewayOf(this.#plan),
        namePort: this.#namePort,
        uid: process.geteuid?.() ?? 0,
        range: this.#range(),
        connections: this.#options.connections,
      }),
      null,
    );
    await this.#pool.fill(1);
    await this.#serveNames();
    this.#pool.refill();
  }

  /** A host does not pass on what comes in from one network to another unless it is told to. */
  async #letForward(): Promise<void> {
    if ((await readFile(forwarding, "utf8")).trim() === "1") return;
    await writeFile(forwarding, "1");
    this.#options.log.info({ setting: "net.ipv4.ip_forward" }, "IPv4 forwarding turned on");
  }

  async #serveNames(): Promise<void> {
    const { nameServers, log } = this.#options;
    const server = await NameServer.open({
      address: gatewayOf(this.#plan),
      port: this.#namePort,
      upstreams: nameServers,
      clientOf: (address): NameClient | undefined => this.#byAddress.get(address),
      log,
    });
    this.#undo.defer(() => server[Symbol.asyncDispose]());
  }

  /** All guests' addresses, as nftables wants them. */
  #range(): string {
    const { first, last } = this.#options.range;
    return `${formatIpv4(first)}-${formatIpv4(last)}`;
  }

  #rulesFor(slot: Slot): string {
    const { connections, bandwidthMbit, egress } = this.#options;
    const rules = slotRules(slot, {
      gateway: gatewayOf(this.#plan),
      range: this.#range(),
      namePort: this.#namePort,
      connections,
      bandwidthMbit,
    });
    return rules + policyScript(firstPolicy(egress), []);
  }
}
