import { PlatformError } from "./errors.ts";

/**
 * How something that the platform does for a function ended: `rejected` where the function's own
 * code kept it from working, `cancelled` where nobody wanted it any more.
 */
export const outcomes = ["success", "failure", "rejected", "cancelled"] as const;
export type Outcome = (typeof outcomes)[number];

/** The outcome of what failed with `error`. */
export function failedOutcome(error: unknown): Outcome {
  const rejected = error instanceof PlatformError && error.code === "code_rejected";
  return rejected ? "rejected" : "failure";
}
