import { sql, type Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import { countBy, type CountedRow } from "../invocation-statistics.ts";

/** Invocations, counted by minute and by hour; those that are there are counted now. */
export const invocationStatisticsMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable("invocation_statistics")
      .addColumn("id", "integer", (column) => column.primaryKey())
      .addColumn("function_id", "text", (column) => column.notNull())
      .addColumn("step", "text", (column) => column.notNull())
      .addColumn("at", "text", (column) => column.notNull())
      .addColumn("success", "integer", (column) => column.notNull())
      .addColumn("error", "integer", (column) => column.notNull())
      .addColumn("timeout", "integer", (column) => column.notNull())
      .addColumn("cold_starts", "integer", (column) => column.notNull())
      .addColumn("duration_sum_ms", "real", (column) => column.notNull())
      .addColumn("durations", "blob", (column) => column.notNull())
      .addUniqueConstraint("invocation_statistics_key", ["function_id", "step", "at"])
      .execute();
    await db.schema
      .createIndex("invocation_statistics_oldest")
      .on("invocation_statistics")
      .columns(["step", "at"])
      .execute();
    const hours = await sql<{ function_id: string; hour: string }>`
      SELECT DISTINCT function_id, substr(invoked_at, 1, 13) AS hour FROM invocations
    `.execute(db);
    for (const { function_id, hour } of hours.rows) await countHour(db, function_id, hour);
  },
};

async function countHour(db: Kysely<unknown>, functionId: string, hour: string): Promise<void> {
  const { rows } = await sql<CountedRow>`
    SELECT function_id, status, duration_ms, cold_start, invoked_at FROM invocations
    WHERE function_id = ${functionId} AND invoked_at >= ${hour} AND invoked_at < ${`${hour}~`}
  `.execute(db);
  for (const row of [...countBy("minute", rows), ...countBy("hour", rows)]) {
    await sql`
      INSERT INTO invocation_statistics
        (function_id, step, at, success, error, timeout, cold_starts, duration_sum_ms, durations)
      VALUES (${row.function_id}, ${row.step}, ${row.at}, ${row.success}, ${row.error},
        ${row.timeout}, ${row.cold_starts}, ${row.duration_sum_ms}, ${row.durations})
    `.execute(db);
  }
}
