import type { FileHandle } from "node:fs/promises";

import type { GuestAddress, VmSpec } from "../../core/vm.ts";
import { waitForHealth } from "./guest-health.ts";
import type { OutputTail } from "./output-tail.ts";
import type { VmLimits } from "./cgroup-limits.ts";
import type { VmUser } from "./vm-user.ts";

/** How the process of one VM is started. */
export interface VmLaunch {
  /** What runs, for messages: `QEMU`, `The runtime server`. */
  readonly program: string;
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  /** Whether the program finds the socket to the guest's agent as descriptor 3. */
  readonly agent?: boolean;
  /** What the program finds as the next descriptors; closed by the caller once it started. */
  readonly files: readonly FileHandle[];
  /** Whether the program reads its standard input, or what that is; closed as `files` are. */
  readonly input?: boolean | FileHandle;
  /** Whether the program attaches to the tap by its name, and does not inherit it. */
  readonly opensTap?: boolean;
  /**
   * Whether `argv` changes to the VM's user by itself, and the VMM is the innermost of the processes
   * that it becomes: a jail.
   */
  readonly jails?: boolean;
}

/** What one VMM brings to the common way in which VMs come and go. */
export interface Vmm {
  /** Whether standard error is the guest speaking, or the VMM. */
  readonly stderr: "console" | "vmm";
  /** The user for the VM at the address `slot`, with files in `folder`; null is the manager's. */
  userFor(spec: VmSpec, slot: number, folder: string): Promise<VmUser | null>;
  /** What its processes may take of the host, where the host can hold them to it. */
  limitsFor(spec: VmSpec): Promise<VmLimits>;
}

/** Where a VM that starts is found. */
export interface VmPlace {
  readonly address: GuestAddress;
  /** The working folder of its process, absolute. */
  readonly runFolder: string;
  /** The tap in its network namespace; null where it has none. */
  readonly tap: string | null;
  /** Whom it runs as; null is the manager's user. */
  readonly user: VmUser | null;
}

/** One way for a VM to come up: by booting, or out of a snapshot. */
export interface VmEntry {
  launch(spec: VmSpec, place: VmPlace): Promise<VmLaunch>;
  /** Resolves when its process has come as far as it should; rejects where `until` aborts first. */
  becomeReady(spec: VmSpec, started: StartedVmm, until: AbortSignal): Promise<void>;
  /** What to say where that takes too long; `seconds` is the limit. */
  tooSlow(seconds: number): string;
}

/** A VMM whose process runs. */
export interface StartedVmm extends VmPlace {
  /** What the guest prints. */
  readonly console: OutputTail;
  /** Resolves, never rejects, when its process has ended. */
  readonly exited: Promise<unknown>;
}

/** What is done to a VM that boots before it has started its guest, and when that answers. */
interface BootSteps {
  readonly onStart?: VmEntry["becomeReady"];
  readonly onReady?: VmEntry["becomeReady"];
}

/** The entry of a VM that boots: it is ready when its runtime server answers. */
export function bootEntry(
  launch: VmEntry["launch"],
  { onStart, onReady }: BootSteps = {},
): VmEntry {
  return {
    launch,
    async becomeReady(spec, started, until) {
      const { address, console } = started;
      const seen = console.seen(listening);
      await onStart?.(spec, started, until);
      await waitForHealth(address, seen, until);
      await onReady?.(spec, started, until);
    },
    tooSlow: (seconds) => `its runtime server did not answer within ${seconds} s`,
  };
}

/** What the runtime server prints when it can be called; docs/runtime-protocol.md. */
const listening = "runtime-server: listening on";
