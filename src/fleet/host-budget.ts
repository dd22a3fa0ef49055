import { PlatformError } from "../core/errors.ts";
import type { Clock } from "../ports/clock.ts";

/** What all VMs of this host may take together. */
export interface HostCapacity {
  readonly vms: number;
  /** The guests' own memory, in MiB, as if each used all that it was promised. */
  readonly memoryMib: number;
}

/** A VM's share of the host until it is released. */
export interface HostShare {
  /** Repeatable. */
  release(): void;
}

interface Waiter {
  readonly memoryMib: number;
  readonly admit: () => void;
}

/** How long a VM may wait for room before its caller is told that the host is full. */
const waitLimitMs = 10_000;

/** Keeps the VMs of this host within what it can hold; whoever finds it full waits in line. */
export class HostBudget {
  readonly #capacity: HostCapacity;
  readonly #clock: Clock;
  readonly #waiting: Waiter[] = [];
  #vms = 0;
  #memoryMib = 0;
  /** Called when somebody has to wait: whoever can spare a VM may let it go. */
  onFull: () => void = () => undefined;

  constructor(capacity: HostCapacity, clock: Clock) {
    this.#capacity = capacity;
    this.#clock = clock;
  }

  get capacity(): HostCapacity {
    return this.#capacity;
  }

  /** What VMs hold now, and how many more wait for room. */
  get use(): HostCapacity & { readonly waiting: number } {
    return { vms: this.#vms, memoryMib: this.#memoryMib, waiting: this.#waiting.length };
  }

  get isAwaited(): boolean {
    return this.#waiting.length > 0;
  }

  /**
   * Takes the share of a VM, first come first served. Rejects with `host_full` where there is no
   * room in time, or never will be, and with the signal's reason where that aborts first.
   */
  async acquire(memoryMib: number, signal: AbortSignal): Promise<HostShare> {
    signal.throwIfAborted();
    if (memoryMib > this.#capacity.memoryMib) throw this.#full(memoryMib);
    if (this.hasRoom(memoryMib)) this.#take(memoryMib);
    else await this.#wait(memoryMib, signal);
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        this.#vms -= 1;
        this.#memoryMib -= memoryMib;
        this.#admit();
      },
    };
  }

  /** Whether `acquire` would find room at once. */
  hasRoom(memoryMib: number): boolean {
    return this.#waiting.length === 0 && this.#fits(memoryMib);
  }

  #wait(memoryMib: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        deadline.cancel();
        signal.removeEventListener("abort", abort);
        const at = this.#waiting.indexOf(waiter);
        if (at >= 0) this.#waiting.splice(at, 1);
      };
      const giveUp = (reason: unknown) => {
        leave();
        reject(reason);
        // It may have stood in the way of smaller ones.
        this.#admit();
      };
      const abort = () => giveUp(signal.reason);
      const deadline = this.#clock.after(waitLimitMs, () => giveUp(this.#full(memoryMib)));
      const admit = () => {
        leave();
        resolve();
      };
      const waiter = { memoryMib, admit };
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.push(waiter);
      this.onFull();
    });
  }

  #admit(): void {
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined || !this.#fits(next.memoryMib)) return;
      this.#take(next.memoryMib);
      next.admit();
    }
  }

  #fits(memoryMib: number): boolean {
    const { vms, memoryMib: most } = this.#capacity;
    return this.#vms < vms && this.#memoryMib + memoryMib <= most;
  }

  #take(memoryMib: number): void {
    this.#vms += 1;
    this.#memoryMib += memoryMib;
  }

  #full(memoryMib: number): PlatformError {
    const { vms, memoryMib: most } = this.#capacity;
    const message =
      `Host is full: its VMs hold ${this.#memoryMib} of ${most} MiB and are ${this.#vms} of ${vms}; ` +
      `one more wants ${memoryMib} MiB`;
    return new PlatformError("host_full", message, { retryAfterSeconds: 5 });
  }
}
