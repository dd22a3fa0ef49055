import { Kysely } from "kysely";
import { Migrator, type Migration } from "kysely/migration";
import type { Store } from "../ports/store.ts";
import { FunctionTable } from "./function-table.ts";
import { InvocationTable } from "./invocation-table.ts";
import { initialMigration } from "./migrations/0001-initial.ts";
import { revisionFateMigration } from "./migrations/0002-revision-fate.ts";
import { functionEgressMigration } from "./migrations/0003-function-egress.ts";
import { invocationStatisticsMigration } from "./migrations/0004-invocation-statistics.ts";
import { invocationOrderMigration } from "./migrations/0005-invocation-order.ts";
import { invocationStackMigration } from "./migrations/0006-invocation-stack.ts";
import { nodeSqliteDialect } from "./node-sqlite-dialect.ts";
import type { Schema } from "./schema.ts";

/** In the order in which they run; a migration that was released is never edited. */
const migrations: Record<string, Migration> = {
  "0001-initial": initialMigration,
  "0002-revision-fate": revisionFateMigration,
  "0003-function-egress": functionEgressMigration,
  "0004-invocation-statistics": invocationStatisticsMigration,
  "0005-invocation-order": invocationOrderMigration,
  "0006-invocation-stack": invocationStackMigration,
};

/** Opens the database file, brings its tables up to date, and rejects where that fails. */
export async function openSqliteStore(file: string): Promise<Store> {
  const db = new Kysely<Schema>({ dialect: nodeSqliteDialect(file) });
  try {
    await migrate(db, file);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return {
    functions: new FunctionTable(db),
    invocations: new InvocationTable(db),
    close: () => db.destroy(),
  };
}

async function migrate(db: Kysely<Schema>, file: string): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve(migrations) },
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw new Error(`Cannot migrate ${file}`, { cause: error });
}
