import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/** A function's invocations in the order in which they were written, for those who follow them. */
export const invocationOrderMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createIndex("invocations_order")
      .on("invocations")
      .columns(["function_id", "seq"])
      .execute();
  },
};
