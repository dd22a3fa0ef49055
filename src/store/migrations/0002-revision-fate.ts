import { sql, type Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/** When each revision was made, when it first served, and why it did not load. */
export const revisionFateMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    // SQLite asks for a default; rows that are there get their time below, new ones bring it.
    await db.schema
      .alterTable("function_revisions")
      .addColumn("created_at", "text", (column) => column.notNull().defaultTo(""))
      .execute();
    for (const name of ["deployed_at", "error"]) {
      await db.schema.alterTable("function_revisions").addColumn(name, "text").execute();
    }
    // Nobody wrote down when a revision was made; its function's times are the limits.
    await sql`
      UPDATE function_revisions SET created_at = (
        SELECT CASE function_revisions.revision
          WHEN 1 THEN functions.created_at ELSE functions.updated_at END
        FROM functions WHERE functions.id = function_revisions.function_id
      )`.execute(db);
    // Nor which of the older ones loaded. Most do, and one that does not harms nobody when it is
    // rolled back to.
    await sql`
      UPDATE function_revisions SET deployed_at = created_at
      WHERE revision <= (
        SELECT functions.deployed_revision FROM functions
        WHERE functions.id = function_revisions.function_id
      )`.execute(db);
    await sql`
      UPDATE function_revisions SET error = (
        SELECT functions.last_error FROM functions
        WHERE functions.id = function_revisions.function_id
          AND functions.revision = function_revisions.revision
      )`.execute(db);
  },
};
