import type { Egress } from "./egress.ts";

/**
 * Where a function is on its way to answering invocations. There is no state for "updating":
 * `revision` ahead of the deployed one says that, and the function stays `ready` meanwhile.
 */
export const functionStates = ["creating", "booting", "deploying", "ready", "error"] as const;
export type FunctionState = (typeof functionStates)[number];

/** What a user asks for. Names are unique; durations are milliseconds, memory is MiB. */
export interface FunctionSpec {
  /** 1 to 63 of a-z, 0-9 and "-", starting with a letter. */
  readonly name: string;
  readonly runtime: string;
  /** `function` or `module.function`. */
  readonly handler: string;
  readonly code: string;
  readonly env: Readonly<Record<string, string>>;
  readonly vcpus: number;
  readonly memoryMib: number;
  readonly timeoutMs: number;
  /** VMs kept running when nothing is invoked. */
  readonly minVms: number;
  readonly maxVms: number;
  /** Invocations at once in one VM; 0 is no limit. */
  readonly maxConcurrency: number;
  /** How long a VM beyond `minVms` may be idle before it is stopped. */
  readonly idleTimeoutMs: number;
  /** Where its VMs may connect to. No part of a revision: a change takes effect at once. */
  readonly egress: Egress;
}

/** The part of a specification that a VM runs: what is rolled out, and what a wake starts from. */
export interface FunctionRevision {
  /** Counts the accepted changes of these fields, from 1. */
  readonly revision: number;
  readonly handler: string;
  readonly code: string;
  readonly env: Readonly<Record<string, string>>;
  readonly vcpus: number;
  readonly memoryMib: number;
}

/** A revision as it is stored: what became of it stays with it when newer ones come. */
export interface RevisionRecord extends FunctionRevision {
  /** Whether it is the one that serves. */
  readonly deployed: boolean;
  /** Whether it is the newest, which the function asks for. */
  readonly wanted: boolean;
  readonly createdAt: Date;
  /** When it first served; null where it never did. */
  readonly deployedAt: Date | null;
  /** Why its deploy failed; null where it did not. */
  readonly error: string | null;
}

/** A function as it is stored. */
export interface FunctionRecord extends FunctionSpec, FunctionRevision {
  readonly id: string;
  readonly state: FunctionState;
  /** The newest revision that loaded, which is the one that serves; null until the first one did. */
  readonly deployed: FunctionRevision | null;
  /** Why the newest deploy or update failed; null once one worked. */
  readonly lastError: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly lastInvokedAt: Date | null;
}

/** The revision that a record asks for. */
export function wantedRevision(record: FunctionRecord): FunctionRevision {
  const { revision, handler, code, env, vcpus, memoryMib } = record;
  return { revision, handler, code, env, vcpus, memoryMib };
}

/** What a VM has from its start to its end. */
type VmSize = Pick<FunctionRevision, "vcpus" | "memoryMib">;

/** Whether a VM that was started for `a` can take on `b` by loading it, without being replaced. */
export function isHotChange(a: VmSize, b: VmSize): boolean {
  return a.vcpus === b.vcpus && a.memoryMib === b.memoryMib;
}

export type FunctionAction = "invoke" | "update" | "delete";

/**
 * `now`: do it. `wait`: it becomes possible when the deploy ends. `refuse`: it will not become
 * possible by waiting.
 */
export type Permission = "now" | "wait" | "refuse";

const permissions: Record<FunctionState, Record<FunctionAction, Permission>> = {
  creating: { invoke: "wait", update: "now", delete: "now" },
  booting: { invoke: "wait", update: "now", delete: "now" },
  deploying: { invoke: "wait", update: "now", delete: "now" },
  ready: { invoke: "now", update: "now", delete: "now" },
  error: { invoke: "refuse", update: "now", delete: "now" },
};

/** The one table that API, console and tests ask whether an action is possible in a state. */
export function functionCan(action: FunctionAction, state: FunctionState): Permission {
  return permissions[state][action];
}
