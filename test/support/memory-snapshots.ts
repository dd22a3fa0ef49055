import {
  functionOfSnapshot,
  type SnapshotFiles,
  type SnapshotKey,
  snapshotName,
} from "../../src/core/snapshot.ts";
import type { SnapshotStore, StoredSnapshot } from "../../src/ports/snapshot-store.ts";

/** Snapshots that exist in memory only, as the VMs of `FakeVms` do. */
export class MemorySnapshots implements SnapshotStore {
  readonly all = new Map<string, StoredSnapshot>();
  readonly aside: string[] = [];
  #made = 0;

  /** Their names, bases first. */
  get names(): string[] {
    return [...this.all.keys()].toSorted();
  }

  find(key: SnapshotKey): Promise<StoredSnapshot | null> {
    return Promise.resolve(this.all.get(snapshotName(key)) ?? null);
  }

  async create(
    key: SnapshotKey,
    _conditions: unknown,
    write: (files: SnapshotFiles) => Promise<void>,
  ): Promise<StoredSnapshot> {
    this.#made += 1;
    const files = { memory: `memory-${this.#made}`, state: `state-${this.#made}` };
    await write(files);
    const made = { key, files };
    this.all.set(snapshotName(key), made);
    return made;
  }

  setAside(key: SnapshotKey, reason: string): Promise<void> {
    this.all.delete(snapshotName(key));
    this.aside.push(reason);
    return Promise.resolve();
  }

  keepOnly(functionId: string, revision: number | null): Promise<void> {
    for (const name of this.all.keys()) {
      const found = functionOfSnapshot(name);
      if (found?.functionId === functionId && found.revision !== revision) this.all.delete(name);
    }
    return Promise.resolve();
  }

  sweep(): Promise<void> {
    return Promise.resolve();
  }

  use(): Promise<{ count: number; bytes: number }> {
    return Promise.resolve({ count: this.all.size, bytes: 0 });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
