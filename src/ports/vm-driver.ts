import type { SnapshotConditions, SnapshotFiles } from "../core/snapshot.ts";
import type { DriverKind, GuestAddress, Isolation, VmSpec } from "../core/vm.ts";

/** An ability that not every driver has; code asks for it instead of catching a refusal. */
export type VmCapability = "snapshot" | "console" | "metrics" | "agent" | "isolation";

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

/** A restored VM that stands still, as it did when its snapshot was taken. */
export interface PausedVm extends RunningVm {
  /** Lets it run; once. Its runtime server goes on waiting until it is woken by `tell`. */
  resume(): Promise<void>;
}

/** The part of a driver that has the capability `snapshot`. */
export interface VmSnapshots {
  /** What a snapshot of a VM like `spec` can only be restored under; its id and name do not count. */
  conditions(spec: VmSpec): Promise<SnapshotConditions>;
  /**
   * Stops a VM that was started with `spec.template`, and writes its snapshot there. The VM is gone
   * afterwards, whatever happens: a template must not run on. Rejects with `vm_lost`.
   */
  take(vmId: string, signal: AbortSignal): Promise<void>;
  /**
   * Starts a VM from a snapshot; what it writes is its own, copy on write. With `spec.template` it
   * is one that a snapshot will be taken of again. Rejects as `boot` does.
   */
  restore(spec: VmSpec, from: SnapshotFiles, signal: AbortSignal): Promise<PausedVm>;
  /** Writes bytes to the guest's wake channel: see docs/runtime-protocol.md. Rejects with `vm_lost`. */
  tell(vmId: string, message: Uint8Array): Promise<void>;
}

/** What a VM takes of its host, as the host counts it, whatever its guest says. Since its start. */
export interface VmmUse {
  /** Processor time of its process, in all threads. */
  readonly cpuMs: number;
  /** Resident memory of its process; what clones of a snapshot share is counted in each of them. */
  readonly memoryBytes: number;
  /** What went through its network card; null where that is not counted apart from the host's. */
  readonly network: { readonly receivedBytes: number; readonly sentBytes: number } | null;
  /** What its guest read from and wrote to its disk; null where it has none of its own. */
  readonly disk: { readonly readBytes: number; readonly writtenBytes: number } | null;
}

/**
 * The host's end of the line to the agent in a guest, which speaks docs/agent-protocol.md. It is
 * there from the VM's start to its end, and whatever comes over it was said by the guest.
 */
export interface AgentLine {
  /** Resolves when the bytes are on their way; rejects with `vm_lost`. */
  send(bytes: Uint8Array): Promise<void>;
  /** Calls `take` with what comes in, from the first byte on; for one listener. */
  receive(take: (bytes: Uint8Array) => void): void;
  /** Listens to nothing more: what the guest says from now on stays in the guest. */
  close(): void;
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
  /** What a VM takes of its host. Rejects with `vm_lost`. Only with `metrics`. */
  measure?(vmId: string): Promise<VmmUse>;
  /** The line to the agent of a VM that runs; undefined for another. Only with `agent`. */
  agentLine?(vmId: string): AgentLine | undefined;
  /** Only with `snapshot`. */
  readonly snapshots?: VmSnapshots;
}
