import { messageOf } from "../core/errors.ts";
import type { InvocationRecord } from "../core/invocation.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { InvocationStore, RetentionLimit } from "../ports/store.ts";

/** Rows of one transaction: about 1 ms of the main thread. */
const batchSize = 200;
const flushEveryMs = 100;
const pruneEveryMs = 60_000;
/** Held while the store cannot take them; beyond it the oldest are dropped, and counted. */
const mostPending = { records: 10_000, characters: 64 * 1024 * 1024 };

/** Writes invocation history in batches, after the reply, with bounded memory. */
export class InvocationRecorder {
  readonly #store: InvocationStore;
  readonly #retention: RetentionLimit;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #timers: readonly { cancel(): void }[];
  readonly #pending: InvocationRecord[] = [];
  /** By the function that they want to hear of. */
  readonly #listeners = new Map<string, Set<() => void>>();
  #characters = 0;
  #writing: Promise<void> = Promise.resolve();
  #dropped = 0;
  #droppedInAll = 0;

  constructor(
    store: InvocationStore,
    retention: RetentionLimit,
    { clock, log }: { clock: Clock; log: Log },
  ) {
    this.#store = store;
    this.#retention = retention;
    this.#clock = clock;
    this.#log = log;
    this.#timers = [
      clock.every(flushEveryMs, () => void this.flush()),
      clock.every(pruneEveryMs, () => void this.prune()),
    ];
  }

  /** Records that wait to be written. */
  get waiting(): number {
    return this.#pending.length;
  }

  /** Records that never will be written, since the start. */
  get dropped(): number {
    return this.#droppedInAll;
  }

  add(record: InvocationRecord): void {
    this.#pending.push(record);
    this.#characters += weigh(record);
    while (
      this.#pending.length > mostPending.records ||
      this.#characters > mostPending.characters
    ) {
      this.#take(1);
      this.#dropped += 1;
      this.#droppedInAll += 1;
    }
    if (this.#pending.length % batchSize === 0) void this.flush();
  }

  #take(count: number): InvocationRecord[] {
    const taken = this.#pending.splice(0, count);
    for (const record of taken) this.#characters -= weigh(record);
    return taken;
  }

  #putBack(records: readonly InvocationRecord[]): void {
    this.#pending.unshift(...records);
    for (const record of records) this.#characters += weigh(record);
  }

  /** Resolves when everything that was added before is in the store, or could not be written. */
  flush(): Promise<void> {
    if (this.#pending.length > 0) this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  /** Calls `listener` whenever invocations of a function were written, until what it returns is called. */
  onRecorded(functionId: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(functionId) ?? new Set();
    this.#listeners.set(functionId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(functionId);
    };
  }

  #tellListeners(written: readonly InvocationRecord[]): void {
    if (this.#listeners.size === 0) return;
    for (const functionId of new Set(written.map((record) => record.functionId))) {
      for (const listener of this.#listeners.get(functionId) ?? []) listener();
    }
  }

  /** Removes what is beyond the retention limit, a batch at a time. */
  async prune(): Promise<void> {
    try {
      let removed: number;
      do {
        removed = await this.#store.prune(this.#retention, this.#clock.now(), batchSize);
        await new Promise<void>((resolve) => void this.#clock.after(1, resolve));
      } while (removed === batchSize);
    } catch (error) {
      this.#log.error({ error: messageOf(error) }, "Invocation history was not pruned");
    }
  }

  /** Writes what is left and stops. */
  async close(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    await this.flush();
  }

  async #write(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#take(batchSize);
      try {
        await this.#store.insertBatch(batch);
      } catch (error) {
        this.#putBack(batch);
        const waiting = this.#pending.length;
        this.#log.error({ error: messageOf(error), waiting }, "Invocations were not recorded");
        return;
      }
      this.#tellListeners(batch);
    }
    if (this.#dropped > 0) {
      this.#log.error({ dropped: this.#dropped }, "Invocation records were dropped for good");
      this.#dropped = 0;
    }
  }
}

/** Characters that a record holds in memory, about. */
function weigh({ event, response, logs, error }: InvocationRecord): number {
  let characters = event.length + (response?.length ?? 0) + (error?.length ?? 0);
  for (const line of logs) characters += line.length;
  return characters;
}
