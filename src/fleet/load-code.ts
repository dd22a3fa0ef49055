import { PlatformError } from "../core/errors.ts";
import type { FunctionRecord, FunctionRevision } from "../core/function.ts";
import type { GuestConnection, RevisionBundle } from "../ports/runtime-client.ts";

/** How long code may take to load before it counts as broken. */
export const loadLimitMs = 30_000;

/** Loads a first revision. Rejects with `code_rejected` where it does not load, or not in time. */
export async function loadFirst(
  connection: Pick<GuestConnection, "load">,
  bundle: RevisionBundle,
  signal: AbortSignal,
): Promise<void> {
  const limit = AbortSignal.timeout(loadLimitMs);
  try {
    const outcome = await connection.load(bundle, AbortSignal.any([signal, limit]));
    if (!outcome.loaded) throw new PlatformError("code_rejected", outcome.message);
  } catch (error) {
    if (!limit.aborted || signal.aborted) throw error;
    const message = `Code did not finish loading within ${loadLimitMs / 1000} s`;
    throw new PlatformError("code_rejected", message, { cause: error });
  }
}

/** What a guest is given of a revision. */
export function bundleOf(
  { name }: Pick<FunctionRecord, "name">,
  { revision, handler, code, env, memoryMib }: FunctionRevision,
): RevisionBundle {
  return { revision, functionName: name, memoryMib, handler, code, env };
}
