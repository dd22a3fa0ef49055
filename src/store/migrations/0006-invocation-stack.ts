import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/** Where a failed invocation threw; unknown of those that there are. */
export const invocationStackMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema.alterTable("invocations").addColumn("stack", "text").execute();
  },
};
