import type { FileHandle } from "node:fs/promises";

import type { GuestAddress, VmSpec } from "../../core/vm.ts";
import type { VmUser } from "./vm-user.ts";

/** How the process of one VM is started. */
export interface VmLaunch {
  /** What runs, for messages: `QEMU`, `The runtime server`. */
  readonly program: string;
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  /** The child finds them as descriptors 3, 4 and so on; closed by the caller once it started. */
  readonly files: readonly FileHandle[];
}

/** What one VMM brings to the common way in which VMs come and go. */
export interface Vmm {
  /** Whether standard error is the guest speaking, or the VMM. */
  readonly stderr: "console" | "vmm";
  /** The user for the VM at the address `slot`, with files in `folder`; null is the manager's. */
  userFor(spec: VmSpec, slot: number, folder: string): Promise<VmUser | null>;
  /** `runFolder` is the working folder of the process, absolute. */
  launch(spec: VmSpec, address: GuestAddress, runFolder: string): Promise<VmLaunch>;
  /** Called when the guest has answered. */
  onReady?(runFolder: string): Promise<void>;
}
