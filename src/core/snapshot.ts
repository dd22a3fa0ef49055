/** The files of one snapshot; absolute paths. */
export interface SnapshotFiles {
  /** The guest's memory, sparse, as large as the guest was given. Clones map it copy on write. */
  readonly memory: string;
  /** Everything else of the machine: processors and devices. */
  readonly state: string;
}

/**
 * What a snapshot can only be restored under, by name: the VMM's version, the machine's arguments,
 * the processor, the digests of kernel and root file system. Equal texts fit.
 */
export type SnapshotConditions = Readonly<Record<string, string>>;

/** `base`: a booted runtime, before any code of a user's. `function`: with one revision loaded. */
export type SnapshotKey =
  | {
      readonly kind: "base";
      readonly runtime: string;
      readonly vcpus: number;
      readonly memoryMib: number;
    }
  | { readonly kind: "function"; readonly functionId: string; readonly revision: number };

/** For people, and for the folder that a snapshot is kept in: unique, without a slash. */
export function snapshotName(key: SnapshotKey): string {
  return key.kind === "base"
    ? `base-${key.runtime}-${key.vcpus}cpu-${key.memoryMib}mib`
    : `function-${key.functionId}-${key.revision}`;
}

const functionName = /^function-(?<functionId>.+)-(?<revision>\d+)$/;

export interface FunctionSnapshot {
  readonly functionId: string;
  readonly revision: number;
}

/** Whose snapshot has a name that `snapshotName` made; undefined where it is no function's. */
export function functionOfSnapshot(name: string): FunctionSnapshot | undefined {
  const { functionId, revision } = functionName.exec(name)?.groups ?? {};
  if (functionId === undefined || revision === undefined) return undefined;
  return { functionId, revision: Number(revision) };
}
