import { messageOf } from "../core/errors.ts";
import type { Log } from "../ports/log.ts";
import { makeSlot, removeSlot, SlotTakenError } from "./slot-commands.ts";
import { type Slot, type SlotPlan, firstIndex, gatewayOf, slotAt, slotCount } from "./slot.ts";

export interface SlotPoolOptions {
  readonly plan: SlotPlan;
  /** How many slots are kept ready. */
  readonly ready: number;
  /** What is loaded in a slot when it is made. */
  readonly rulesFor: (slot: Slot) => string;
  readonly log: Log;
}

/** How many addresses of others a slot that is made may meet before it is given up. */
const mostTaken = 1000;

/** How long a VM that was given a slot has the processors for itself before the next is made. */
const refillDelayMs = 1_000;

/** How long after a failure to make slots ahead the next try comes. */
const retryMs = 5_000;

/** Slots made ahead: to take one is to take it off a list. */
export class SlotPool {
  readonly #options: SlotPoolOptions;
  readonly #ready: Slot[] = [];
  /** Places that are ready, in use, or somebody else's. */
  readonly #used = new Set<number>();
  #next = firstIndex;
  #refilling: Promise<void> | undefined;
  readonly #making = new Set<Promise<Slot>>();
  readonly #removals = new Set<Promise<void>>();
  #later: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: SlotPoolOptions) {
    this.#options = options;
  }

  /** Makes slots until `count` are ready. Rejects where one cannot be made. */
  async fill(count: number): Promise<void> {
    while (!this.#closed && this.#ready.length < count) this.#ready.push(await this.#make());
  }

  /** Begins to make slots until as many are ready as should be. */
  refill(): void {
    this.#refillAfter(0);
  }

  /** A slot that is nobody else's; made on the spot where none is ready. */
  async take(): Promise<Slot> {
    const slot = this.#ready.shift() ?? (await this.#makeOrWait());
    if (this.#closed) {
      await this.giveBack(slot);
      throw stopping();
    }
    this.#refillAfter(this.#ready.length === 0 ? 0 : refillDelayMs);
    return slot;
  }

  /** Where addresses run out, those that are being made for whoever comes are the last. */
  async #makeOrWait(): Promise<Slot> {
    try {
      return await this.#make();
    } catch (error) {
      await this.#refilling;
      const slot = this.#ready.shift();
      if (slot === undefined) throw error;
      return slot;
    }
  }

  /** Removes a slot that was taken: the next VM gets one that nobody has used. Never rejects. */
  giveBack(slot: Slot): Promise<void> {
    const removal = this.#remove(slot).finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
    return removal;
  }

  /** Removes the slots that are ready, and waits until those given back are gone. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#later);
    await this.#refilling;
    await Promise.allSettled(this.#making);
    for (const slot of this.#ready.splice(0)) void this.giveBack(slot);
    await Promise.all(this.#removals);
  }

  /** One at a time, and soon where none is left. */
  #refillAfter(delayMs: number): void {
    if (this.#closed || this.#refilling !== undefined) return;
    clearTimeout(this.#later);
    this.#later = setTimeout(() => {
      this.#refilling = this.#refillNow();
    }, delayMs).unref();
  }

  async #refillNow(): Promise<void> {
    try {
      await this.fill(this.#options.ready);
      this.#refilling = undefined;
    } catch (error) {
      this.#options.log.warn({ error: messageOf(error) }, "Network for a VM was not made");
      this.#refilling = undefined;
      this.#refillAfter(retryMs);
    }
  }

  #make(): Promise<Slot> {
    if (this.#closed) return Promise.reject(stopping());
    const making = this.#makeOne().finally(() => this.#making.delete(making));
    this.#making.add(making);
    return making;
  }

  async #makeOne(): Promise<Slot> {
    const { plan, rulesFor } = this.#options;
    for (let attempt = 0; attempt < mostTaken; attempt += 1) {
      const slot = slotAt(plan, this.#claim());
      try {
        await makeSlot(slot, gatewayOf(plan), rulesFor(slot));
        return slot;
      } catch (error) {
        // An address of somebody else's stays marked, and is not tried again.
        if (error instanceof SlotTakenError) continue;
        this.#used.delete(slot.index);
        throw error;
      }
    }
    throw new Error(`${mostTaken} addresses in a row are in use by others on this host`);
  }

  #claim(): number {
    const count = slotCount(this.#options.plan);
    for (let tried = 0; tried < count; tried += 1) {
      const index = firstIndex + ((this.#next - firstIndex) % count);
      this.#next = index + 1;
      if (this.#used.has(index)) continue;
      this.#used.add(index);
      return index;
    }
    throw new Error(`all ${count} addresses of the range are in use; give it more (network.range)`);
  }

  async #remove(slot: Slot): Promise<void> {
    try {
      await removeSlot(slot);
      this.#used.delete(slot.index);
    } catch (error) {
      // Its address stays marked; the next start of a manager tries again.
      const facts = { namespace: slot.namespace, error: messageOf(error) };
      this.#options.log.error(facts, "Network of a VM was not removed");
    }
  }
}

function stopping(): Error {
  return new Error("the manager is stopping");
}
