import {
  statisticsWindows,
  type HourCount,
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

/** One function's last 24 hours. */
export interface FunctionDay {
  readonly functionId: string;
  /** Every hour, the oldest first; those in which nothing ran too. */
  readonly hours: readonly HourCount[];
}

const hourMs = 3_600_000;
const dayHours = 24;

/**
 * The last 24 hours, the one that has only begun among them, of all functions that ran in them; the
 * invocation just answered included.
 */
export async function readDay({
  clock,
  recorder,
  registry,
  store,
}: Pick<Platform, "clock" | "recorder" | "registry" | "store">): Promise<readonly FunctionDay[]> {
  await recorder.flush();
  const begin = (Math.floor(clock.now().getTime() / hourMs) - dayHours + 1) * hourMs;
  const counts = await store.invocations.countByHour(new Date(begin));
  const byFunction = Map.groupBy(counts, ({ functionId }) => functionId);
  return registry.list().flatMap(({ id: functionId }) => {
    const found = byFunction.get(functionId);
    if (found === undefined) return [];
    const byHour = new Map(found.map((count) => [count.at.getTime(), count]));
    const hours = Array.from({ length: dayHours }, (_, hour) => {
      const at = begin + hour * hourMs;
      return byHour.get(at) ?? { functionId, at: new Date(at), ...nothing };
    });
    return [{ functionId, hours }];
  });
}

const nothing = { success: 0, error: 0, timeout: 0, coldStarts: 0 };

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
