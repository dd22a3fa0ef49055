import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

export const initialMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable("functions")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("name", "text", (column) => column.notNull().unique())
      .addColumn("runtime", "text", (column) => column.notNull())
      .addColumn("timeout_ms", "integer", (column) => column.notNull())
      .addColumn("min_vms", "integer", (column) => column.notNull())
      .addColumn("max_vms", "integer", (column) => column.notNull())
      .addColumn("max_concurrency", "integer", (column) => column.notNull())
      .addColumn("idle_timeout_ms", "integer", (column) => column.notNull())
      .addColumn("state", "text", (column) => column.notNull())
      .addColumn("revision", "integer", (column) => column.notNull())
      .addColumn("deployed_revision", "integer")
      .addColumn("last_error", "text")
      .addColumn("created_at", "text", (column) => column.notNull())
      .addColumn("updated_at", "text", (column) => column.notNull())
      .addColumn("last_invoked_at", "text")
      .execute();
    await db.schema
      .createTable("function_revisions")
      .addColumn("function_id", "text", (column) =>
        column.notNull().references("functions.id").onDelete("cascade"),
      )
      .addColumn("revision", "integer", (column) => column.notNull())
      .addColumn("handler", "text", (column) => column.notNull())
      .addColumn("code", "text", (column) => column.notNull())
      .addColumn("env", "text", (column) => column.notNull())
      .addColumn("vcpus", "integer", (column) => column.notNull())
      .addColumn("memory_mib", "integer", (column) => column.notNull())
      .addPrimaryKeyConstraint("function_revisions_key", ["function_id", "revision"])
      .execute();
    // No foreign key: a long history goes in batches, after its function (see deleted_functions).
    await db.schema
      .createTable("invocations")
      .addColumn("seq", "integer", (column) => column.primaryKey().autoIncrement())
      .addColumn("id", "text", (column) => column.notNull())
      .addColumn("function_id", "text", (column) => column.notNull())
      .addColumn("request_id", "text", (column) => column.notNull())
      .addColumn("status", "text", (column) => column.notNull())
      .addColumn("duration_ms", "real", (column) => column.notNull())
      .addColumn("cold_start", "integer", (column) => column.notNull())
      .addColumn("vm_id", "text")
      .addColumn("error", "text")
      .addColumn("error_type", "text")
      .addColumn("logs", "text", (column) => column.notNull())
      .addColumn("event", "text", (column) => column.notNull())
      .addColumn("response", "text")
      .addColumn("invoked_at", "text", (column) => column.notNull())
      .execute();
    await db.schema
      .createTable("deleted_functions")
      .addColumn("id", "text", (column) => column.primaryKey())
      .execute();
    await db.schema
      .createIndex("invocations_newest")
      .on("invocations")
      .columns(["function_id", "invoked_at", "seq"])
      .execute();
  },
};
