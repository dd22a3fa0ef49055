import type { Change } from "../core/change.ts";

/** Whoever wants to know what becomes of functions and VMs. */
export interface ChangeListener {
  /** Called when it has happened; returns at once and never throws. */
  changed(change: Change): void;
}
