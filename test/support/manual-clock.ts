import { randomUUID } from "node:crypto";
import type { Clock } from "../../src/ports/clock.ts";

interface Timer {
  readonly dueMs: number;
  readonly everyMs: number | null;
  readonly action: () => void;
}

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<Timer>();

  now(): Date {
    return new Date(Date.UTC(2026, 0, 1) + this.#nowMs);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(ms: number, action: () => void): { cancel(): void } {
    return this.#add({ dueMs: this.#nowMs + ms, everyMs: null, action });
  }

  every(ms: number, action: () => void): { cancel(): void } {
    return this.#add({ dueMs: this.#nowMs + ms, everyMs: ms, action });
  }

  newId(): string {
    return randomUUID();
  }

  newToken(): string {
    return randomUUID();
  }

  /** Moves time on, runs what became due in order, and lets what follows from it happen. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const [next] = [...this.#timers].toSorted((a, b) => a.dueMs - b.dueMs);
      if (next === undefined || next.dueMs > endMs) break;
      this.#nowMs = next.dueMs;
      this.#timers.delete(next);
      if (next.everyMs !== null) this.#add({ ...next, dueMs: next.dueMs + next.everyMs });
      next.action();
      await settle();
    }
    this.#nowMs = endMs;
    await settle();
  }

  #add(timer: Timer): { cancel(): void } {
    this.#timers.add(timer);
    return {
      cancel: () => {
        for (const known of this.#timers) {
          if (known.action === timer.action) this.#timers.delete(known);
        }
      },
    };
  }
}

/** Lets everything happen that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
