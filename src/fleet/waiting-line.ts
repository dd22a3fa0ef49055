import { PlatformError } from "../core/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { FleetVm } from "./fleet-vm.ts";

interface Waiter {
  readonly resolve: (vm: FleetVm) => void;
  readonly reject: (reason: unknown) => void;
}

/** Invocations that wait for a VM, first come first served, bounded in number and in time. */
export class WaitingLine {
  readonly #waiters = new Set<Waiter>();
  readonly #clock: Clock;
  readonly #limit: number;

  constructor(clock: Clock, limit: number) {
    this.#clock = clock;
    this.#limit = limit;
  }

  get length(): number {
    return this.#waiters.size;
  }

  /** Resolves to a VM in which a place is held; rejects with `queue_full` or `function_not_ready`. */
  wait(limitMs: number): Promise<FleetVm> {
    if (this.#waiters.size >= this.#limit) {
      const message = `Queue is full: ${this.#limit} invocations of this function are waiting`;
      return Promise.reject(new PlatformError("queue_full", message, { retryAfterSeconds: 1 }));
    }
    return new Promise((resolve, reject) => {
      const deadline = this.#clock.after(limitMs, () => {
        this.#waiters.delete(waiter);
        reject(notReady());
      });
      const waiter: Waiter = {
        resolve: (vm) => {
          deadline.cancel();
          resolve(vm);
        },
        reject: (reason) => {
          deadline.cancel();
          reject(reason);
        },
      };
      this.#waiters.add(waiter);
    });
  }

  /** Serves waiters for as long as `take` finds a place for one. */
  serve(take: () => FleetVm | undefined): void {
    for (const waiter of this.#waiters) {
      const vm = take();
      if (vm === undefined) return;
      this.#waiters.delete(waiter);
      waiter.resolve(vm);
    }
  }

  rejectAll(reason: unknown): void {
    for (const waiter of this.#waiters) waiter.reject(reason);
    this.#waiters.clear();
  }
}

/** What an invocation is told that found no VM in time, in the specification's words. */
export function notReady(): PlatformError {
  return new PlatformError("function_not_ready", "Function VM has no IP yet", {
    retryAfterSeconds: 2,
  });
}
