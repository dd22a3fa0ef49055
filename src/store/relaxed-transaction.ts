import { sql, type Kysely, type Transaction } from "kysely";
import type { Schema } from "./schema.ts";

/**
 * A transaction that is whole or not there, but may be lost in a power cut (not when the process
 * dies): it does not wait for the disk, which takes four times as long as the rest. For records
 * that nobody was promised; see docs/adr/0005-sqlite-and-what-is-durable.md.
 */
export async function relaxedTransaction(
  db: Kysely<Schema>,
  task: (trx: Transaction<Schema>) => Promise<void>,
): Promise<void> {
  await db.connection().execute(async (connection) => {
    await sql`PRAGMA synchronous = NORMAL`.execute(connection);
    try {
      await connection.transaction().execute(task);
    } finally {
      await sql`PRAGMA synchronous = FULL`.execute(connection);
    }
  });
}
