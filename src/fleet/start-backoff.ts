import type { Clock } from "../ports/clock.ts";

const firstPauseMs = 1_000;
const longestPauseMs = 60_000;

/** Keeps a function whose VMs do not start from being started over and over. */
export class StartBackoff {
  readonly #clock: Clock;
  #failures = 0;
  #notBeforeMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether a start that nobody waits for may be tried now. */
  allows(): boolean {
    return this.#clock.monotonicMs() >= this.#notBeforeMs;
  }

  failed(): void {
    const pauseMs = Math.min(firstPauseMs * 2 ** this.#failures, longestPauseMs);
    this.#failures += 1;
    this.#notBeforeMs = this.#clock.monotonicMs() + pauseMs;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#notBeforeMs = 0;
  }
}
