import type { Egress } from "./egress.ts";
import type { RuntimeImage } from "./runtime.ts";
import type { SnapshotFiles } from "./snapshot.ts";

export const driverKinds = ["firecracker", "qemu", "process"] as const;
export type DriverKind = (typeof driverKinds)[number];

/**
 * How strongly a guest is kept from its host. `emulated` is QEMU's software emulation, under
 * which QEMU promises no guest isolation; `none` is a plain child process.
 */
export type Isolation = "hardware" | "emulated" | "none";

/**
 * `booting`: it starts, from nothing or from a snapshot. `adopting`: it runs and is being given its
 * identity and code. `standby`: it could serve, and waits to be needed. `stopping`: takes no new
 * invocation.
 */
export const vmStates = ["booting", "adopting", "standby", "running", "stopping"] as const;
export type VmState = (typeof vmStates)[number];

/** How a VM came to serve: from a snapshot, from nothing, or it stood by. */
export type VmOrigin = "clone" | "boot" | "standby";

/** What is wanted of a VM. */
export interface VmSpec {
  readonly id: string;
  /** `fn-<function>-<first 8 of the function id>`, with `-2`, `-3` … for its further VMs. */
  readonly name: string;
  readonly functionId: string;
  readonly image: RuntimeImage;
  readonly vcpus: number;
  readonly memoryMib: number;
  /** Where it may connect to. */
  readonly egress: Egress;
  /** For a VM that a snapshot will be taken of: where that goes. Absent for one that serves. */
  readonly template?: SnapshotFiles;
}

/** Where the runtime server of a VM is reached from the host. */
export interface GuestAddress {
  readonly host: string;
  readonly port: number;
}

/** What a guest with a tap has, the same in every VM, so that a clone finds what its template had. */
export const tapGuest = {
  address: "169.254.1.2",
  prefix: 29,
  /** Its way out, and its name server: the tap's own address. */
  gateway: "169.254.1.1",
  mac: "02:fc:00:00:00:02",
} as const;

/** The port that every runtime server listens on inside its guest. */
export const guestPort = 3000;

/** The name of the `ordinal`-th VM (from 1) of a function. */
export function vmName(functionName: string, functionId: string, ordinal: number): string {
  const base = `fn-${functionName}-${functionId.slice(0, 8)}`;
  return ordinal === 1 ? base : `${base}-${ordinal}`;
}
