import type { SnapshotConditions, SnapshotFiles, SnapshotKey } from "../core/snapshot.ts";

/** A snapshot that is whole and fits this host. */
export interface StoredSnapshot {
  readonly key: SnapshotKey;
  readonly files: SnapshotFiles;
}

/** How much snapshots take of the disk. */
export interface SnapshotUse {
  readonly count: number;
  /** Blocks on the disk; files are sparse. */
  readonly bytes: number;
}

/** Snapshots on the disk, bounded: those that were not used for longest go first. */
export interface SnapshotStore {
  /**
   * The snapshot of that key; null where there is none. One that does not fit `conditions`, or
   * whose files are not what was written, is set aside and counts as none.
   */
  find(key: SnapshotKey, conditions: SnapshotConditions): Promise<StoredSnapshot | null>;
  /**
   * Makes a snapshot: `write` fills the files, which become the snapshot when it has resolved, in
   * the place of an older one. Rejects as `write` does, leaving nothing.
   */
  create(
    key: SnapshotKey,
    conditions: SnapshotConditions,
    write: (files: SnapshotFiles) => Promise<void>,
  ): Promise<StoredSnapshot>;
  /** Takes a snapshot that cannot be used out of the way, kept for people to look at. Repeatable. */
  setAside(key: SnapshotKey, reason: string): Promise<void>;
  /** Removes a function's snapshots but that of `revision`; null removes all. */
  keepOnly(functionId: string, revision: number | null): Promise<void>;
  /** Removes the snapshots of functions but those of the revisions given, by function id. */
  sweep(deployed: ReadonlyMap<string, number>): Promise<void>;
  use(): Promise<SnapshotUse>;
  /** Resolves when what it does in the background has ended. */
  close(): Promise<void>;
}
