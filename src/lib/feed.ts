/** One of the things that were published, numbered from 1. */
export interface FeedEntry<T> {
  readonly number: number;
  readonly value: T;
}

/** The newest things that were published, for readers who come when they can. */
export class Feed<T> {
  readonly #capacity: number;
  readonly #values: T[] = [];
  readonly #listeners = new Set<(value: T) => void>();
  #last = 0;

  /** Holds `capacity` of them; older ones are forgotten. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** The number of the newest; 0 before the first. */
  get last(): number {
    return this.#last;
  }

  publish(value: T): void {
    this.#last += 1;
    this.#values[this.#last % this.#capacity] = value;
    for (const listener of this.#listeners) listener(value);
  }

  /** Those after a number, oldest first; null where some are forgotten, or it is of no entry yet. */
  after(number: number): FeedEntry<T>[] | null {
    const oldest = Math.max(0, this.#last - this.#capacity);
    if (number > this.#last || number < oldest) return null;
    return Array.from({ length: this.#last - number }, (_, index) => {
      const next = number + 1 + index;
      return { number: next, value: this.#values[next % this.#capacity]! };
    });
  }

  /** Calls `listener` with each from now on, until what it returns is called. */
  subscribe(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
