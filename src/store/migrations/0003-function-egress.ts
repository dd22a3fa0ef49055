import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/** Where each function's VMs may connect to; functions that are there may reach the Internet. */
export const functionEgressMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .alterTable("functions")
      .addColumn("egress", "text", (column) => column.notNull().defaultTo('"internet"'))
      .execute();
  },
};
