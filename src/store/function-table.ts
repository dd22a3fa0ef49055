import type { Kysely, Selectable, Transaction } from "kysely";
import type { Egress } from "../core/egress.ts";
import { PlatformError } from "../core/errors.ts";
import {
  type FunctionRecord,
  type FunctionRevision,
  type FunctionState,
  type RevisionRecord,
} from "../core/function.ts";
import type { FunctionStore } from "../ports/store.ts";
import type { FunctionRevisionsTable, FunctionsTable, Schema } from "./schema.ts";

/** Revisions kept of each function beside the deployed one. */
const revisionsKept = 10;

/** Functions and their revisions in SQL. */
export class FunctionTable implements FunctionStore {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async list(): Promise<readonly FunctionRecord[]> {
    const rows = await this.#db.selectFrom("functions").selectAll().execute();
    const revisions = await this.#db.selectFrom("function_revisions").selectAll().execute();
    const byKey = new Map(revisions.map((row) => [revisionKey(row), toRevision(row)]));
    return rows.map((row) => toRecord(row, byKey));
  }

  async insert(record: FunctionRecord): Promise<void> {
    await this.#db.transaction().execute(async (trx) => {
      await refuseTakenName(trx, record);
      await trx.insertInto("functions").values(toRow(record)).execute();
      await writeRevisions(trx, record);
    });
  }

  async update(record: FunctionRecord): Promise<void> {
    await this.#db.transaction().execute(async (trx) => {
      await refuseTakenName(trx, record);
      // When it was last invoked is written with the invocations, and never goes back.
      const { id, last_invoked_at: _, ...changes } = toRow(record);
      const result = await trx
        .updateTable("functions")
        .set(changes)
        .where("id", "=", id)
        .executeTakeFirst();
      if (result.numUpdatedRows === 0n) {
        throw new PlatformError("function_not_found", `Function "${record.name}" does not exist`);
      }
      await writeRevisions(trx, record);
    });
  }

  async listRevisions(id: string): Promise<readonly RevisionRecord[]> {
    // One statement, so that both flags and the rows are of one moment.
    const rows = await this.#db
      .selectFrom("function_revisions as kept")
      .innerJoin("functions", "functions.id", "kept.function_id")
      .where("functions.id", "=", id)
      .selectAll("kept")
      .select(["functions.deployed_revision", "functions.revision as wanted_revision"])
      .orderBy("kept.revision", "desc")
      .execute();
    return rows.map((row) => ({
      ...toRevision(row),
      deployed: row.revision === row.deployed_revision,
      wanted: row.revision === row.wanted_revision,
      createdAt: new Date(row.created_at),
      deployedAt: row.deployed_at === null ? null : new Date(row.deployed_at),
      error: row.error,
    }));
  }

  async delete(id: string): Promise<void> {
    await this.#db.transaction().execute(async (trx) => {
      const result = await trx.deleteFrom("functions").where("id", "=", id).executeTakeFirst();
      if (result.numDeletedRows > 0n) {
        await trx.insertInto("deleted_functions").values({ id }).execute();
      }
    });
  }
}

async function refuseTakenName(trx: Transaction<Schema>, record: FunctionRecord): Promise<void> {
  const holder = await trx
    .selectFrom("functions")
    .select("id")
    .where("name", "=", record.name)
    .where("id", "!=", record.id)
    .executeTakeFirst();
  if (holder !== undefined) {
    throw new PlatformError(
      "name_taken",
      `Name "${record.name}" is taken by function ${holder.id}: names are unique`,
    );
  }
}

/** What a revision runs never changes once it is written; what became of it is written later. */
async function writeRevisions(trx: Transaction<Schema>, record: FunctionRecord): Promise<void> {
  await trx
    .insertInto("function_revisions")
    .values(toRevisionRow(record))
    .onConflict((conflict) =>
      conflict.columns(["function_id", "revision"]).doUpdateSet({ error: record.lastError }),
    )
    .execute();
  if (record.deployed !== null) {
    await trx
      .updateTable("function_revisions")
      .set({ deployed_at: record.updatedAt.toISOString() })
      .where("function_id", "=", record.id)
      .where("revision", "=", record.deployed.revision)
      .where("deployed_at", "is", null)
      .execute();
  }
  await trx
    .deleteFrom("function_revisions")
    .where("function_id", "=", record.id)
    .where("revision", "<=", record.revision - revisionsKept)
    .where("revision", "!=", record.deployed?.revision ?? record.revision)
    .execute();
}

function toRow(record: FunctionRecord): FunctionsTable {
  return {
    id: record.id,
    name: record.name,
    runtime: record.runtime,
    timeout_ms: record.timeoutMs,
    min_vms: record.minVms,
    max_vms: record.maxVms,
    max_concurrency: record.maxConcurrency,
    idle_timeout_ms: record.idleTimeoutMs,
    egress: JSON.stringify(record.egress),
    state: record.state,
    revision: record.revision,
    deployed_revision: record.deployed?.revision ?? null,
    last_error: record.lastError,
    created_at: record.createdAt.toISOString(),
    updated_at: record.updatedAt.toISOString(),
    last_invoked_at: record.lastInvokedAt?.toISOString() ?? null,
  };
}

function toRecord(
  row: Selectable<FunctionsTable>,
  revisions: ReadonlyMap<string, FunctionRevision>,
): FunctionRecord {
  const find = (revision: number): FunctionRevision => {
    const found = revisions.get(revisionKey({ function_id: row.id, revision }));
    if (found === undefined) {
      throw new Error(`Function ${row.id} names revision ${revision}, which the store lacks`);
    }
    return found;
  };
  return {
    ...find(row.revision),
    id: row.id,
    name: row.name,
    runtime: row.runtime,
    timeoutMs: row.timeout_ms,
    minVms: row.min_vms,
    maxVms: row.max_vms,
    maxConcurrency: row.max_concurrency,
    idleTimeoutMs: row.idle_timeout_ms,
    egress: JSON.parse(row.egress) as Egress,
    state: row.state as FunctionState,
    deployed: row.deployed_revision === null ? null : find(row.deployed_revision),
    lastError: row.last_error,
    createdAt: new Date(row.created_at),
    updatedAt: new Date(row.updated_at),
    lastInvokedAt: row.last_invoked_at === null ? null : new Date(row.last_invoked_at),
  };
}

function revisionKey(row: { function_id: string; revision: number }): string {
  return `${row.function_id}/${row.revision}`;
}

function toRevisionRow(record: FunctionRecord): FunctionRevisionsTable {
  return {
    function_id: record.id,
    revision: record.revision,
    handler: record.handler,
    code: record.code,
    env: JSON.stringify(record.env),
    vcpus: record.vcpus,
    memory_mib: record.memoryMib,
    created_at: record.updatedAt.toISOString(),
    deployed_at: null,
    error: record.lastError,
  };
}

function toRevision(row: Selectable<FunctionRevisionsTable>): FunctionRevision {
  return {
    revision: row.revision,
    handler: row.handler,
    code: row.code,
    env: JSON.parse(row.env) as Record<string, string>,
    vcpus: row.vcpus,
    memoryMib: row.memory_mib,
  };
}
