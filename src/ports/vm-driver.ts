import type { DriverKind, GuestAddress, Isolation, VmSpec } from "../core/vm.ts";

/** An ability that not every driver has; code asks for it instead of catching a refusal. */
export type VmCapability = "snapshot" | "console" | "metrics" | "isolation";

/** Whether a driver can run VMs on this host, proven by starting something. */
export type VmProbe =
  | {
      readonly usable: true;
      /** Version of the VMM or interpreter, for instance `QEMU 7.2.22`. */
      readonly version: string;
      /** `kvm`, `tcg` or `none`. */
      readonly accelerator: string;
      readonly isolation: Isolation;
      /** What the operator should know, a sentence each. */
      readonly notes: readonly string[];
    }
  | {
      readonly usable: false;
      readonly reason: string;
      /** What would make it usable, for instance a package to install. */
      readonly remedy: string;
    };

/** Why a VM is gone. */
export interface VmExit {
  readonly code: number | null;
  readonly signal: string | null;
  /** The end of the VMM's own error output, for people. */
  readonly detail: string;
}

/** A VM whose runtime server has answered. */
export interface RunningVm {
  readonly id: string;
  readonly address: GuestAddress;
  readonly pid: number;
  readonly startedAt: Date;
  /** Resolves, never rejects, when the VM has gone for whatever reason. */
  readonly exited: Promise<VmExit>;
}

/** One way to run a VM on this host. */
export interface VmDriver {
  readonly kind: DriverKind;
  readonly capabilities: ReadonlySet<VmCapability>;
  /** Proves what can be used by starting something. Never rejects; takes at most a few seconds. */
  probe(): Promise<VmProbe>;
  /**
   * Starts a VM and resolves when its runtime server answers `/health`. Rejects with
   * `vm_start_failed`, the VMM's error output in the message, and leaves nothing behind.
   */
  boot(spec: VmSpec, signal: AbortSignal): Promise<RunningVm>;
  /** Ends a VM and removes everything of it. Repeatable; an absent VM counts as destroyed. */
  destroy(vmId: string): Promise<void>;
  /** The ids of all VMs this data folder holds, those of an earlier manager included. */
  list(): Promise<readonly string[]>;
  /** The end of the VM's console output; empty for an absent VM. Only with `console`. */
  readConsole?(vmId: string): Promise<string>;
}
