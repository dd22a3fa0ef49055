import type { FunctionChange } from "../core/change.ts";
import { PlatformError } from "../core/errors.ts";
import type { FunctionRecord, FunctionState } from "../core/function.ts";
import type { ChangeListener } from "../ports/changes.ts";
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
  readonly #changes: ChangeListener;
  readonly #byId = new Map<string, Entry>();
  readonly #idByName = new Map<string, string>();

  constructor(store: FunctionStore, changes: ChangeListener) {
    this.#store = store;
    this.#changes = changes;
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
    this.#changes.changed(functionChange("created", record, null));
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
      for (const seen of changesBetween(before, after)) this.#changes.changed(seen);
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
      if (this.#byId.get(id) !== entry) return;
      await this.#store.delete(id);
      this.#byId.delete(id);
      const { record } = entry;
      if (this.#idByName.get(record.name) === id) this.#idByName.delete(record.name);
      this.#changes.changed(functionChange("deleted", record, record.state));
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

/** What happened to a function, as one reads it off its record: more than one thing, or nothing. */
function changesBetween(before: FunctionRecord, after: FunctionRecord): FunctionChange[] {
  const { deployed, lastError } = after;
  const changes: FunctionChange[] = [];
  const add = (change: FunctionChange["change"], revision?: number) =>
    changes.push({
      ...functionChange(change, after, before.state),
      ...(revision === undefined ? {} : { revision }),
    });
  if (isUpdate(before, after)) add("updated");
  if (before.state !== after.state) add("state_changed");
  if (deployed !== null && before.deployed?.revision !== deployed.revision) {
    add("deployed", deployed.revision);
  }
  if (lastError !== null && before.lastError !== lastError) add("deploy_failed");
  return changes;
}

/** Whether somebody asked for it; the others are what became of that. */
function isUpdate(before: FunctionRecord, after: FunctionRecord): boolean {
  const outcome: ReadonlySet<string> = new Set<keyof FunctionRecord>([
    "state",
    "deployed",
    "lastError",
    "updatedAt",
    "lastInvokedAt",
  ]);
  return Object.entries(after).some(
    ([key, value]) => !outcome.has(key) && value !== before[key as keyof FunctionRecord],
  );
}

function functionChange(
  change: FunctionChange["change"],
  { id, name, revision, state, lastError }: FunctionRecord,
  previousState: FunctionState | null,
): FunctionChange {
  const ids = { functionId: id, functionName: name };
  return { subject: "function", change, ...ids, revision, state, previousState, lastError };
}

function notFound(idOrName: string): PlatformError {
  return new PlatformError("function_not_found", `Function not found: "${idOrName}"`);
}
