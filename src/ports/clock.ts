/** Time and identity, so that use-cases can be tested without waiting. */
export interface Clock {
  now(): Date;
  /** Milliseconds from a fixed point that never goes back. */
  monotonicMs(): number;
  /** Calls `action` once after `ms` unless cancelled. */
  after(ms: number, action: () => void): { cancel(): void };
  /** Calls `action` every `ms` until cancelled; does not keep the process alive. */
  every(ms: number, action: () => void): { cancel(): void };
  /** A random UUID (RFC 9562, version 4). */
  newId(): string;
  /** 256 random bits, base64url. */
  newToken(): string;
}
