import type { FunctionState } from "./function.ts";
import type { VmState } from "./vm.ts";

/** What happened to a function. `deploy_failed`: an update too, where the old revision serves on. */
export const functionChanges = [
  "created",
  "updated",
  "state_changed",
  "deployed",
  "deploy_failed",
  "deleted",
] as const;

export interface FunctionChange {
  readonly subject: "function";
  readonly change: (typeof functionChanges)[number];
  readonly functionId: string;
  readonly functionName: string;
  /** The one that is wanted; of `deployed`, the one that serves now. */
  readonly revision: number;
  readonly state: FunctionState;
  /** Null before its first. */
  readonly previousState: FunctionState | null;
  readonly lastError: string | null;
}

/** A VM is in another state; `gone` is the end of all. */
export interface VmChange {
  readonly subject: "vm";
  readonly vmId: string;
  readonly vmName: string;
  readonly functionId: string;
  /** The one that it serves; null until one has loaded. */
  readonly revision: number | null;
  readonly state: VmState | "gone";
  /** Null before its first. */
  readonly previousState: VmState | null;
  /** Why it stops or is gone, where that is known. */
  readonly reason: string | null;
}

export type Change = FunctionChange | VmChange;
