import type { Kysely, SelectQueryBuilder, Transaction } from "kysely";
import type { HourCount, InvocationFigures, InvocationStatistics } from "../core/invocation.ts";
import type { StatisticsQuery } from "../ports/store.ts";
import {
  decodeHistogram,
  encodeHistogram,
  histogramOf,
  mergeHistograms,
  percentile,
} from "./duration-histogram.ts";
import type {
  InvocationsTable,
  InvocationStatisticsTable,
  Schema,
  StatisticsStep,
} from "./schema.ts";

/** A row as it is written. */
type StatisticsRow = Omit<InvocationStatisticsTable, "id">;

/** What statistics are made of. */
export type CountedRow = Pick<
  InvocationsTable,
  "function_id" | "status" | "duration_ms" | "cold_start" | "invoked_at"
>;

const hourMs = 3_600_000;
/** The longest window that is made of minutes, and one that has just begun. */
const minutesKeptMs = 26 * hourMs;

/** Counts invocations that are being written, in the rows of their minutes and hours. */
export async function addToStatistics(
  trx: Transaction<Schema>,
  invocations: readonly CountedRow[],
): Promise<void> {
  const added = [...countBy("minute", invocations), ...countBy("hour", invocations)];
  const known = await trx
    .selectFrom("invocation_statistics")
    .selectAll()
    // More than what is looked for, by a few rows, and one statement however many functions.
    .where("function_id", "in", [...new Set(added.map((row) => row.function_id))])
    .where("at", "in", [...new Set(added.map((row) => row.at))])
    .execute();
  const knownByKey = new Map(known.map((row) => [keyOf(row), row]));
  const rows = added.map((row) => {
    const before = knownByKey.get(keyOf(row));
    return before === undefined ? row : sumOf([row, before]);
  });
  await trx
    .insertInto("invocation_statistics")
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(["function_id", "step", "at"]).doUpdateSet((row) => ({
        success: row.ref("excluded.success"),
        error: row.ref("excluded.error"),
        timeout: row.ref("excluded.timeout"),
        cold_starts: row.ref("excluded.cold_starts"),
        duration_sum_ms: row.ref("excluded.duration_sum_ms"),
        durations: row.ref("excluded.durations"),
      })),
    )
    .execute();
}

/** A row for each function and each minute or hour in which one of the invocations began. */
export function countBy(step: StatisticsStep, invocations: readonly CountedRow[]): StatisticsRow[] {
  const groups = Map.groupBy(invocations, (row) => `${beginOf(step, row)}/${row.function_id}`);
  return [...groups.values()].map((rows) => {
    const [first] = rows;
    const count = (status: string) => rows.filter((row) => row.status === status).length;
    return {
      function_id: first!.function_id,
      step,
      at: beginOf(step, first!),
      success: count("success"),
      error: count("error"),
      timeout: count("timeout"),
      cold_starts: rows.filter((row) => row.cold_start === 1).length,
      duration_sum_ms: rows.reduce((total, row) => total + row.duration_ms, 0),
      durations: encodeHistogram(histogramOf(rows.map((row) => row.duration_ms))),
    };
  });
}

/** Times are text of one length. */
function beginOf(step: StatisticsStep, { invoked_at }: CountedRow): string {
  return step === "minute"
    ? `${invoked_at.slice(0, "2026-01-31T12:00".length)}:00.000Z`
    : `${invoked_at.slice(0, "2026-01-31T12".length)}:00:00.000Z`;
}

function keyOf(row: Pick<StatisticsRow, "function_id" | "step" | "at">): string {
  return `${row.step}/${row.at}/${row.function_id}`;
}

/** Several rows in one, with the first one's key. */
function sumOf(rows: readonly [StatisticsRow, ...StatisticsRow[]]): StatisticsRow {
  return {
    ...rows[0],
    success: sum(rows, "success"),
    error: sum(rows, "error"),
    timeout: sum(rows, "timeout"),
    cold_starts: sum(rows, "cold_starts"),
    duration_sum_ms: sum(rows, "duration_sum_ms"),
    durations: encodeHistogram(
      mergeHistograms(rows.map(({ durations }) => decodeHistogram(durations))),
    ),
  };
}

type Sums = "success" | "error" | "timeout" | "cold_starts" | "duration_sum_ms";

function sum(rows: readonly Pick<StatisticsRow, Sums>[], column: Sums): number {
  return rows.reduce((total, row) => total + row[column], 0);
}

/** See `InvocationStore.readStatistics`. */
export async function readStatistics(
  db: Kysely<Schema>,
  { functionId, from, stepMs, steps }: StatisticsQuery,
): Promise<InvocationStatistics> {
  const beginMs = from.getTime();
  const rows = await db
    .selectFrom("invocation_statistics")
    .selectAll()
    .where("function_id", "=", functionId)
    .where("step", "=", stepMs % hourMs === 0 ? "hour" : "minute")
    .where("at", ">=", from.toISOString())
    .where("at", "<", new Date(beginMs + steps * stepMs).toISOString())
    .execute();
  const decoded = rows.map((row) => ({ ...row, histogram: decodeHistogram(row.durations) }));
  const bySteps = Map.groupBy(decoded, ({ at }) => Math.floor((Date.parse(at) - beginMs) / stepMs));
  const series = Array.from({ length: steps }, (_, step) => ({
    at: new Date(beginMs + step * stepMs),
    ...figuresOf(bySteps.get(step) ?? []),
  }));
  return { ...figuresOf(decoded), series };
}

/** See `InvocationStore.countByHour`. */
export async function countByHour(db: Kysely<Schema>, from: Date): Promise<readonly HourCount[]> {
  const rows = await db
    .selectFrom("invocation_statistics")
    .select(["function_id", "at", "success", "error", "timeout", "cold_starts"])
    .where("step", "=", "hour")
    .where("at", ">=", from.toISOString())
    .orderBy("at")
    .execute();
  return rows.map(({ function_id: functionId, at, cold_starts: coldStarts, ...counts }) => ({
    ...counts,
    functionId,
    at: new Date(at),
    coldStarts,
  }));
}

type DecodedRow = StatisticsRow & {
  readonly histogram: ReturnType<typeof decodeHistogram>;
};

function figuresOf(rows: readonly DecodedRow[]): InvocationFigures {
  const counts = {
    success: sum(rows, "success"),
    error: sum(rows, "error"),
    timeout: sum(rows, "timeout"),
  };
  const total = counts.success + counts.error + counts.timeout;
  const histogram = mergeHistograms(rows.map((row) => row.histogram));
  return {
    total,
    ...counts,
    coldStarts: sum(rows, "cold_starts"),
    averageMs: total === 0 ? null : sum(rows, "duration_sum_ms") / total,
    p50Ms: percentile(histogram, 0.5),
    p95Ms: percentile(histogram, 0.95),
    p99Ms: percentile(histogram, 0.99),
  };
}

/** Removes at most `batch` rows that are too old; resolves to how many. */
export async function pruneStatistics(
  db: Kysely<Schema>,
  { maxAgeMs, now, batch }: { maxAgeMs: number; now: Date; batch: number },
): Promise<number> {
  const before = (ms: number) => new Date(now.getTime() - ms).toISOString();
  const doomed = db.selectFrom("invocation_statistics").where((row) =>
    row.or([
      row.and([row("step", "=", "minute"), row("at", "<", before(minutesKeptMs))]),
      // An hour goes when its last invocation is too old.
      row.and([row("step", "=", "hour"), row("at", "<=", before(maxAgeMs + hourMs))]),
    ]),
  );
  return remove(db, doomed.select("id").limit(batch));
}

/** Removes at most `batch` rows of a function; resolves to how many. */
export function forgetStatistics(
  db: Kysely<Schema>,
  functionId: string,
  batch: number,
): Promise<number> {
  const ofFunction = db.selectFrom("invocation_statistics").where("function_id", "=", functionId);
  return remove(db, ofFunction.select("id").limit(batch));
}

async function remove(
  db: Kysely<Schema>,
  doomed: SelectQueryBuilder<Schema, "invocation_statistics", { id: number }>,
): Promise<number> {
  const result = await db
    .deleteFrom("invocation_statistics")
    .where("id", "in", doomed)
    .executeTakeFirst();
  return Number(result.numDeletedRows);
}
