import { type Egress, egressRules, mayLookUp } from "../core/egress.ts";
import { guestPort } from "../core/vm.ts";
import type { NetworkLease, NetworkUse } from "../ports/network.ts";
import {
  openedBy,
  type OpenedAddress,
  openingScript,
  policyScript,
  type ResolvedAddress,
  type SlotPolicy,
} from "./egress-rules.ts";
import { listTable, loadRules } from "./nft.ts";
import { readSlotReport } from "./slot-report.ts";
import { slotTable } from "./slot-rules.ts";
import { inside, namespacePath, type Slot } from "./slot.ts";

/** What a slot is made with: what a function may connect to that asks for nothing else. */
export function firstPolicy(hostEgress: Egress): SlotPolicy {
  return { epoch: 1, host: egressRules(hostEgress), function: egressRules("internet") };
}

function keyOf({ set, address }: OpenedAddress): string {
  return `${set} ${address}`;
}

/** How many names of a guest may wait to be opened: a policy that comes then has to wait as well. */
const mostWaiting = 16;

/** Of how many open addresses the time is remembered; one that is not is opened once more. */
const mostRemembered = 4_096;

/** How many refused names are kept for whoever asks. */
const namesKept = 100;

export interface SlotLeaseOptions {
  readonly slot: Slot;
  /** What the VM is on this host, whatever addresses its network has; see `NetworkLease.slot`. */
  readonly number: number;
  /** What the operator allows all functions. */
  readonly hostEgress: Egress;
  readonly egress: Egress;
  /** Gives the slot back. Never rejects. */
  readonly giveBack: () => Promise<void>;
}

/** A slot while it is one VM's: its policy, the names it looked up, and what it was refused. */
export class SlotLease implements NetworkLease {
  readonly address;
  readonly slot: number;
  readonly namespace;
  readonly ready: Promise<void>;
  readonly #options: SlotLeaseOptions;
  readonly #path: string;
  /** Policies and opened addresses go to the kernel in the order in which they came. */
  #changes: Promise<unknown> = Promise.resolve();
  #egress: Egress;
  /** What the kernel keeps to now. */
  #policy: SlotPolicy;
  /** What it may keep to beside that: the policies whose change has failed. */
  #failed: SlotPolicy[] = [];
  /** Until when an address in a set of names is open, as `<set> <address>`; monotonic. */
  readonly #openUntilMs = new Map<string, number>();
  /** Changes that wait for their turn. */
  #waiting = 0;
  readonly #refusedNames = new Set<string>();
  #released: Promise<void> | undefined;

  constructor(options: SlotLeaseOptions) {
    const { slot, number } = options;
    this.#options = options;
    this.#path = namespacePath(slot);
    this.#egress = options.egress;
    this.#policy = firstPolicy(options.hostEgress);
    this.address = { host: slot.address, port: guestPort };
    this.slot = number;
    this.namespace = { path: this.#path, tap: inside.tap };
    // Slots are made with the policy that most functions have.
    this.ready = options.egress === "internet" ? Promise.resolve() : this.setEgress(options.egress);
    // Whoever starts the VM is told; where it is not started, nobody misses the policy.
    void this.ready.catch(() => undefined);
  }

  setEgress(egress: Egress): Promise<void> {
    return this.#inTurn(async () => {
      const before = [this.#policy, ...this.#failed];
      // A number is used once, whatever became of it.
      const epoch = this.#policy.epoch + before.length;
      const policy = { ...this.#policy, epoch, function: egressRules(egress) };
      this.#failed.push(policy);
      await loadRules(policyScript(policy, before), this.#path);
      this.#failed = [];
      this.#policy = policy;
      this.#openUntilMs.clear();
      this.#egress = egress;
    });
  }

  /** Whether both policies let `name` be looked up. */
  mayLookUp(name: string): boolean {
    const { host, function: ofFunction } = this.#policy;
    return mayLookUp(host, name) && mayLookUp(ofFunction, name);
  }

  /** Resolves when the guest may connect to what `name` stands for, as far as its policy has it. */
  async admit(name: string, addresses: readonly ResolvedAddress[]): Promise<void> {
    if (this.#waiting >= mostWaiting) throw new Error("it looks up too many names at once");
    await this.#inTurn(async () => {
      const nowMs = performance.now();
      const isOpenFor = (one: OpenedAddress) =>
        (this.#openUntilMs.get(keyOf(one)) ?? 0) >= nowMs + 1_000 * one.seconds;
      const opened = openedBy(this.#policy, name, addresses)
        .filter((one) => !isOpenFor(one))
        // Twice as long, so that whoever asks again before that changes nothing.
        .map((one) => ({ ...one, seconds: 2 * one.seconds }));
      if (opened.length === 0) return;
      await loadRules(openingScript(opened), this.#path);
      if (this.#openUntilMs.size > mostRemembered) this.#openUntilMs.clear();
      for (const one of opened) this.#openUntilMs.set(keyOf(one), nowMs + 1_000 * one.seconds);
    });
  }

  refused(name: string): void {
    this.#refusedNames.delete(name);
    this.#refusedNames.add(name);
    const [oldest] = this.#refusedNames;
    if (this.#refusedNames.size > namesKept && oldest !== undefined) {
      this.#refusedNames.delete(oldest);
    }
  }

  async inspect(): Promise<NetworkUse> {
    const [spoofing, traffic] = await Promise.all([
      listTable("netdev firelet", this.#path),
      listTable(slotTable, this.#path),
    ]);
    const refusedNames = [...this.#refusedNames];
    return { egress: this.#egress, ...readSlotReport([spoofing, traffic]), refusedNames };
  }

  release(): Promise<void> {
    this.#released ??= this.#changes.then(() => this.#options.giveBack());
    return this.#released;
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    this.#waiting += 1;
    const turn = this.#changes.then(() => {
      this.#waiting -= 1;
      if (this.#released !== undefined) throw new Error("its network was given back");
      return change();
    });
    this.#changes = turn.catch(() => undefined);
    return turn;
  }
}
