/** Counts what each client, by its address, has under way, so that none takes all there is. */
export class ClientLoads {
  readonly #limit: number;
  readonly #loads = new Map<string, number>();

  /** Each client may have `limit` under way at once. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes a place until it is disposed of; null where the client has all it may have. */
  enter(client: string): Disposable | null {
    const load = this.#loads.get(client) ?? 0;
    if (load >= this.#limit) return null;
    this.#loads.set(client, load + 1);
    return { [Symbol.dispose]: () => this.#leave(client) };
  }

  #leave(client: string): void {
    const load = (this.#loads.get(client) ?? 0) - 1;
    if (load > 0) this.#loads.set(client, load);
    else this.#loads.delete(client);
  }
}

/** Lets each client, by its address, do so much a second. */
export class ClientRates {
  readonly #perSecond: number;
  readonly #monotonicMs: () => number;
  readonly #counts = new Map<string, number>();
  #secondMs = 0;

  constructor(perSecond: number, monotonicMs: () => number) {
    this.#perSecond = perSecond;
    this.#monotonicMs = monotonicMs;
  }

  /** Whether the client may once more in this second. */
  allows(client: string): boolean {
    const nowMs = this.#monotonicMs();
    if (nowMs - this.#secondMs >= 1_000) {
      this.#counts.clear();
      this.#secondMs = nowMs;
    }
    const count = (this.#counts.get(client) ?? 0) + 1;
    this.#counts.set(client, count);
    return count <= this.#perSecond;
  }
}
