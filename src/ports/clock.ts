/** Time and identity, so that use-cases can be tested without waiting. */
export interface Clock {
  now(): Date;
  /** Milliseconds from a fixed point that never goes back. */
  monotonicMs(): number;
  /** Resolves after `ms`, or at once when `signal` aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `tick` every `ms` until stopped; does not keep the process alive. */
  every(ms: number, tick: () => void): { stop(): void };
  /** A random UUID (RFC 9562, version 4). */
  newId(): string;
  /** 256 random bits, base64url. */
  newToken(): string;
}
