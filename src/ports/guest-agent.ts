import type { AgentLine } from "./vm-driver.ts";

/** What a guest says that it uses. Since it booted, or since its template did; not to be trusted. */
export interface GuestUse {
  /** Time that its processors worked, and that there was, summed over all of them. */
  readonly cpu: { readonly busyMs: number; readonly totalMs: number };
  readonly memory: {
    readonly totalBytes: number;
    /** What programs could not have any more. */
    readonly usedBytes: number;
    /** The most that the runtime server had resident so far. */
    readonly peakBytes: number;
  };
  readonly network: { readonly receivedBytes: number; readonly sentBytes: number };
  readonly disk: { readonly readBytes: number; readonly writtenBytes: number };
}

export interface TerminalSize {
  /** Both from 1 to 65535. */
  readonly columns: number;
  readonly rows: number;
}

export interface TerminalOptions extends TerminalSize {
  /** What somebody has to type who logs in; at most 63 characters. */
  readonly password: string;
  /** Whether whoever opens it has shown the password, and need not log in. */
  readonly welcome: boolean;
  /** Takes what its programs print; the next comes once this resolves. Never rejects. */
  readonly onOutput: (bytes: Uint8Array) => Promise<void>;
}

/** A terminal in a guest, with a login or a shell in it. */
export interface Terminal {
  /** Resolves when there is room for more; what is written after its end goes nowhere. */
  write(bytes: Uint8Array): Promise<void>;
  resize(size: TerminalSize): void;
  /** Hangs up: its programs get SIGHUP. Repeatable. */
  close(): void;
  /** Resolves when it has ended: to the exit status of its shell, or null where the line broke. */
  readonly ended: Promise<number | null>;
}

/** The agent in one guest, speaking docs/agent-protocol.md. */
export interface GuestAgent {
  /** Rejects with `vm_lost` where it does not answer before `signal` aborts, or makes no sense. */
  measure(signal: AbortSignal): Promise<GuestUse>;
  /** Throws `too_many_shells` where the guest has no terminal left, and `vm_lost`. */
  openTerminal(options: TerminalOptions): Terminal;
  /** Ends all terminals. Repeatable. */
  close(): void;
}

export interface AgentClient {
  /** Takes over a line; to be closed when its VM has gone. */
  connect(line: AgentLine): GuestAgent;
}
