import type { InvocationFailure, InvocationStatus } from "../core/invocation.ts";
import type { GuestAddress } from "../core/vm.ts";

/** Code for a guest to load: one revision of a function. */
export interface RevisionBundle {
  readonly revision: number;
  readonly functionName: string;
  readonly memoryMib: number;
  readonly handler: string;
  readonly code: string;
  readonly env: Readonly<Record<string, string>>;
}

export type LoadOutcome =
  | { readonly loaded: true; readonly logs: readonly string[] }
  | { readonly loaded: false; readonly message: string; readonly logs: readonly string[] };

export interface GuestInvocation {
  readonly requestId: string;
  /** JSON text, so that an event is serialized once. */
  readonly eventJson: string;
  readonly timeoutMs: number;
  /** Where it is in a trace; undefined where nobody traces it. */
  readonly traceparent?: string | undefined;
}

/** What the guest answered; not to be trusted beyond its shape, which is checked. */
export interface GuestReply {
  readonly status: InvocationStatus;
  readonly durationMs: number;
  readonly response: unknown;
  readonly logs: readonly string[];
  readonly failure: InvocationFailure | null;
  readonly revision: number;
  /** The guest asks to be replaced: code that it could not stop is still running in it. */
  readonly replace: boolean;
}

/** What makes a restored clone another than its siblings. */
export interface Wake {
  readonly now: Date;
  /** The VM's name. */
  readonly instance: string;
  /** From now on the control calls need it. */
  readonly token: string;
}

/** A kept-alive connection to one guest's runtime server, speaking `docs/runtime-protocol.md`. */
export interface GuestConnection {
  /** Takes the VM over: from now on its control calls need `token`. */
  adopt(token: string, instance: string, signal: AbortSignal): Promise<void>;
  /** Loads a revision beside the running one and switches to it only when it loaded. */
  load(bundle: RevisionBundle, signal: AbortSignal): Promise<LoadOutcome>;
  /** Rejects with `vm_lost` when the guest breaks the connection or the protocol. */
  invoke(invocation: GuestInvocation, signal: AbortSignal): Promise<GuestReply>;
  /**
   * Lets the loaded code get ready for a snapshot: runs what it registered for that. Rejects with
   * `code_rejected` where that fails.
   */
  quiesce(signal: AbortSignal): Promise<void>;
  /**
   * Brings the server to stand still until its VM is woken; waits for the message of
   * `RuntimeClient.clockBack` to arrive. The connection is of no use afterwards.
   */
  freeze(signal: AbortSignal): Promise<void>;
  /**
   * Takes over a clone that was told `wake`: resolves when it has confirmed its new identity and
   * what its code registered for a restore has run; to its wall clock when it answered. Rejects with
   * `code_rejected` where its code fails at that, and with `vm_start_failed` where it confirms
   * another identity.
   */
  confirm(wake: Wake, signal: AbortSignal): Promise<Date>;
  /** Whether the runtime server answers within `limitMs`. */
  isAlive(limitMs: number): Promise<boolean>;
  /** Ends all connections; calls under way reject with `vm_lost`. */
  close(): Promise<void>;
}

export interface RuntimeClient {
  connect(address: GuestAddress): GuestConnection;
  /** For a VM's wake channel: sets its clock far back, which `freeze` waits for. */
  clockBack(): Uint8Array;
  /** For a VM's wake channel: the clone takes on its identity, fresh entropy and the time. */
  wake(wake: Wake): Uint8Array;
  /** For a VM's wake channel: sets a running clone's clock, and nothing else. */
  clock(now: Date): Uint8Array;
}
