import { randomBytes, randomUUID } from "node:crypto";

/** The host's own time and randomness; fits the `Clock` port. */
export const systemClock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  after(ms: number, action: () => void) {
    const timer = setTimeout(action, ms);
    return { cancel: () => clearTimeout(timer) };
  },
  every(ms: number, action: () => void) {
    const timer = setInterval(action, ms).unref();
    return { cancel: () => clearInterval(timer) };
  },
  newId: () => randomUUID(),
  newToken: () => randomBytes(32).toString("base64url"),
};
