import {
  statisticsWindows,
  type InvocationStatistics,
  type StatisticsWindow,
} from "../core/invocation.ts";
import type { Platform } from "./platform.ts";

/** Statistics, and the stretch of time that they are of. */
export interface WindowStatistics extends InvocationStatistics {
  readonly from: Date;
  /** Now. */
  readonly to: Date;
}

/**
 * A function's invocations up to now, counted, the one just answered included. The window begins at
 * a whole step. Rejects with `function_not_found`.
 */
export async function readStatistics(
  { clock, recorder, registry, store }: Pick<Platform, "clock" | "recorder" | "registry" | "store">,
  idOrName: string,
  window: StatisticsWindow,
): Promise<WindowStatistics> {
  const { id } = registry.get(idOrName);
  await recorder.flush();
  const { stepMs, steps } = statisticsWindows[window];
  const to = clock.now();
  const from = new Date((Math.floor(to.getTime() / stepMs) - steps + 1) * stepMs);
  const query = { functionId: id, from, stepMs, steps };
  return { ...(await store.invocations.readStatistics(query)), from, to };
}
