import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { statisticsWindows, type StatisticsWindow } from "../../src/core/invocation.ts";
import type { Store } from "../../src/ports/store.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { temporaryFolder } from "../support/package-sources.ts";
import { functionRecord, invocationRecord } from "../support/records.ts";
import { compare, type Lane, type Subject } from "./lane.ts";
import type { Figures } from "./results.ts";

/** A way to read a function's statistics. */
interface Reader extends Subject {
  read(window: StatisticsWindow): Promise<unknown>;
}

const lane = "statistics of a million records";
const records = 1_000_000;
const perBatch = 1_000;
const dayMs = 86_400_000;
const endMs = Date.UTC(2026, 0, 31);

/** How long the statistics take of a function that was invoked a million times in a week. */
export const statisticsLane: Lane = {
  name: lane,
  async run({ samples, signal }) {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "firelet.db");
    const store = await openSqliteStore(file);
    try {
      await fill(store, signal);
      const starts = [() => counted(store), () => plainSql(file)];
      return await compare({ lane, starts, count: samples, sample }, signal);
    } finally {
      await store.close();
    }
  },
};

async function fill({ functions, invocations }: Store, signal: AbortSignal): Promise<void> {
  await functions.insert(functionRecord());
  for (let first = 0; first < records; first += perBatch) {
    signal.throwIfAborted();
    const batch = Array.from({ length: perBatch }, (_, n) =>
      invocationRecord({
        invokedAt: new Date(endMs - 7 * dayMs + ((first + n) / records) * 7 * dayMs),
        // Most take some milliseconds, a few take seconds, no two the same.
        durationMs: Math.exp(1 + 1.5 * (Math.random() + Math.random() + Math.random() - 1.5) * 2),
        status: Math.random() < 0.02 ? "error" : "success",
      }),
    );
    await invocations.insertBatch(batch);
  }
}

function counted({ invocations }: Store): Promise<Reader> {
  return Promise.resolve({
    name: "Firelet",
    read: (window) => {
      const { stepMs, steps } = statisticsWindows[window];
      const from = new Date(endMs - steps * stepMs);
      return invocations.readStatistics({ functionId: "f", from, stepMs, steps });
    },
    stop: () => Promise.resolve(),
  });
}

/** The same out of the records: one statement for the whole window and one for the steps. */
function plainSql(file: string): Promise<Reader> {
  const database = new DatabaseSync(file, { readOnly: true });
  const ranked = `
    SELECT *, ROW_NUMBER() OVER part AS rank, COUNT(*) OVER (PARTITION BY step) AS of_step
    FROM (
      SELECT status, cold_start, duration_ms,
        CAST(unixepoch(invoked_at) / ? AS INTEGER) AS step
      FROM invocations WHERE function_id = 'f' AND invoked_at >= ? AND invoked_at < ?
    )
    WINDOW part AS (PARTITION BY step ORDER BY duration_ms)`;
  const percentiles = [0.5, 0.95, 0.99]
    .map((share) => `MIN(CASE WHEN rank >= ${share} * of_step THEN duration_ms END)`)
    .join(", ");
  const statement = database.prepare(`
    SELECT step, COUNT(*), SUM(status = 'success'), SUM(status = 'error'),
      SUM(status = 'timeout'), SUM(cold_start), AVG(duration_ms), ${percentiles}
    FROM (${ranked}) GROUP BY step`);
  return Promise.resolve({
    name: "plain SQL over the records",
    read: (window) => {
      const { stepMs, steps } = statisticsWindows[window];
      const from = new Date(endMs - steps * stepMs).toISOString();
      const until = new Date(endMs).toISOString();
      const wholeSeconds = 1_000_000_000;
      const rows = [wholeSeconds, stepMs / 1000].map((step) => statement.all(step, from, until));
      return Promise.resolve(rows);
    },
    stop: () => Promise.resolve(database.close()),
  });
}

async function sample(reader: Reader): Promise<Figures> {
  const took = async (window: StatisticsWindow) => {
    const startMs = performance.now();
    await reader.read(window);
    return performance.now() - startMs;
  };
  return { hour_ms: await took("1h"), day_ms: await took("24h"), week_ms: await took("7d") };
}
