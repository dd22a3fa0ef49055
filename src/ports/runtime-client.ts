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

/** A kept-alive connection to one guest's runtime server, speaking `docs/runtime-protocol.md`. */
export interface GuestConnection {
  /** Takes the VM over: from now on its control calls need `token`. */
  adopt(token: string, instance: string, signal: AbortSignal): Promise<void>;
  /** Loads a revision beside the running one and switches to it only when it loaded. */
  load(bundle: RevisionBundle, signal: AbortSignal): Promise<LoadOutcome>;
  /** Rejects with `vm_lost` when the guest breaks the connection or the protocol. */
  invoke(invocation: GuestInvocation, signal: AbortSignal): Promise<GuestReply>;
  /** Whether the runtime server answers within `limitMs`. */
  isAlive(limitMs: number): Promise<boolean>;
  /** Ends all connections; calls under way reject with `vm_lost`. */
  close(): Promise<void>;
}

export interface RuntimeClient {
  connect(address: GuestAddress): GuestConnection;
}
