import { PlatformError } from "../core/errors.ts";
import type { FunctionRecord } from "../core/function.ts";
import type { FunctionStore } from "../ports/store.ts";

interface Entry {
  record: FunctionRecord;
  /** Kept apart from the record: it changes with every invocation and is stored with those. */
  lastInvokedAt: Date | null;
  /** Settles when the change before has; changes of one function happen one after another. */
  changes: Promise<unknown>;
}

/**
 * All functions in memory, so that no invocation waits for the database; every change is on the
 * disk before it is visible here.
 */
export class FunctionRegistry {
  readonly #store: FunctionStore;
  readonly #byId = new Map<string, Entry>();
  readonly #idByName = new Map<string, string>();

  constructor(store: FunctionStore) {
    this.#store = store;
  }

  /** Reads what the store holds; called once, before anything else. */
  async load(): Promise<void> {
    for (const record of await this.#store.list()) this.#add(record);
  }

  /** Newest first. */
  list(): FunctionRecord[] {
    const records = [...this.#byId.values()].map(current);
    return records.toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
  }

  /** By id or by name. */
  find(idOrName: string): FunctionRecord | undefined {
    const entry = this.#byId.get(idOrName) ?? this.#byId.get(this.#idByName.get(idOrName) ?? "");
    return entry && current(entry);
  }

  /** By id or by name; throws `function_not_found`. */
  get(idOrName: string): FunctionRecord {
    const record = this.find(idOrName);
    if (record === undefined) throw notFound(idOrName);
    return record;
  }

  /** The name that a function has now; undefined where it is gone. */
  nameOf(id: string): string | undefined {
    return this.#byId.get(id)?.record.name;
  }

  /** Rejects with `name_taken`. */
  async insert(record: FunctionRecord): Promise<void> {
    await this.#store.insert(record);
    this.#add(record);
  }

  /**
   * Replaces a record by what `change` makes of it, once earlier changes are through. Rejects with
   * `function_not_found` or `name_taken`, and with whatever `change` throws; nothing is changed then.
   */
  async change(
    id: string,
    change: (record: FunctionRecord) => FunctionRecord,
  ): Promise<FunctionRecord> {
    const entry = this.#entry(id);
    return this.#inTurn(entry, async () => {
      if (this.#byId.get(id) !== entry) throw notFound(id);
      const before = entry.record;
      const after = change(current(entry));
      await this.#store.update(after);
      entry.record = after;
      if (before.name !== after.name) {
        this.#idByName.delete(before.name);
        this.#idByName.set(after.name, id);
      }
      return after;
    });
  }

  noteInvoked(id: string, at: Date): void {
    const entry = this.#byId.get(id);
    if (entry !== undefined) entry.lastInvokedAt = at;
  }

  /** Repeatable. */
  async delete(id: string): Promise<void> {
    const entry = this.#byId.get(id);
    if (entry === undefined) return;
    await this.#inTurn(entry, async () => {
      await this.#store.delete(id);
      this.#byId.delete(id);
      if (this.#idByName.get(entry.record.name) === id) this.#idByName.delete(entry.record.name);
    });
  }

  async #inTurn<T>(entry: Entry, task: () => Promise<T>): Promise<T> {
    const turn = entry.changes.then(task);
    // The next change must not fail for this one.
    entry.changes = turn.catch(() => undefined);
    return turn;
  }

  #entry(id: string): Entry {
    const entry = this.#byId.get(id);
    if (entry === undefined) throw notFound(id);
    return entry;
  }

  #add(record: FunctionRecord): void {
    const { lastInvokedAt } = record;
    this.#byId.set(record.id, { record, lastInvokedAt, changes: Promise.resolve() });
    this.#idByName.set(record.name, record.id);
  }
}

function current({ record, lastInvokedAt }: Entry): FunctionRecord {
  return record.lastInvokedAt === lastInvokedAt ? record : { ...record, lastInvokedAt };
}

function notFound(idOrName: string): PlatformError {
  return new PlatformError("function_not_found", `Function not found: "${idOrName}"`);
}
