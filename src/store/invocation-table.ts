import type { Insertable, Kysely, SelectQueryBuilder, Transaction } from "kysely";
import type { HourCount, InvocationRecord, InvocationStatistics } from "../core/invocation.ts";
import type {
  InvocationPage,
  InvocationQuery,
  InvocationStore,
  RecordedInvocation,
  RetentionLimit,
  StatisticsQuery,
} from "../ports/store.ts";
import {
  addToStatistics,
  countByHour,
  forgetStatistics,
  pruneStatistics,
  readStatistics,
} from "./invocation-statistics.ts";
import { queryInvocations, toRecord } from "./invocation-query.ts";
import { relaxedTransaction } from "./relaxed-transaction.ts";
import type { InvocationsTable, Schema } from "./schema.ts";

/** Invocation history in SQL. */
export class InvocationTable implements InvocationStore {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async insertBatch(records: readonly InvocationRecord[]): Promise<void> {
    if (records.length === 0) return;
    await relaxedTransaction(this.#db, async (trx) => {
      const newest = newestPerFunction(records);
      const living = await livingFunctions(trx, [...newest.keys()]);
      const rows = records.filter((record) => living.has(record.functionId)).map(toRow);
      if (rows.length > 0) {
        await trx.insertInto("invocations").values(rows).execute();
        await addToStatistics(trx, rows);
      }
      for (const [functionId, invokedAt] of newest) {
        await trx
          .updateTable("functions")
          .set({ last_invoked_at: invokedAt.toISOString() })
          .where("id", "=", functionId)
          .execute();
      }
    });
  }

  query(query: InvocationQuery): Promise<InvocationPage> {
    return queryInvocations(this.#db, query);
  }

  async readAfter(
    functionId: string,
    number: number,
    limit: number,
  ): Promise<RecordedInvocation[]> {
    const rows = await this.#db
      .selectFrom("invocations")
      .selectAll()
      .where("function_id", "=", functionId)
      .where("seq", ">", number)
      .orderBy("seq")
      .limit(limit)
      .execute();
    return rows.map((row) => ({ number: row.seq, record: toRecord(row) }));
  }

  async lastNumber(functionId: string): Promise<number> {
    const row = await this.#db
      .selectFrom("invocations")
      .select("seq")
      .where("function_id", "=", functionId)
      .orderBy("seq", "desc")
      .limit(1)
      .executeTakeFirst();
    return row?.seq ?? 0;
  }

  readStatistics(query: StatisticsQuery): Promise<InvocationStatistics> {
    return readStatistics(this.#db, query);
  }

  countByHour(from: Date): Promise<readonly HourCount[]> {
    return countByHour(this.#db, from);
  }

  async prune(limit: RetentionLimit, now: Date, batch: number): Promise<number> {
    const oldest = new Date(now.getTime() - limit.maxAgeMs).toISOString();
    let removed = await this.#pruneDeleted(batch);
    const living = await this.#db.selectFrom("functions").select("id").execute();
    for (const { id } of living) {
      if (removed >= batch) break;
      removed += await this.#pruneFunction(id, { oldest, ...limit }, batch - removed);
    }
    const { maxAgeMs } = limit;
    return removed + (await pruneStatistics(this.#db, { maxAgeMs, now, batch: batch - removed }));
  }

  /** The history of functions that are gone; each is forgotten once nothing of it is left. */
  async #pruneDeleted(batch: number): Promise<number> {
    const gone = await this.#db.selectFrom("deleted_functions").select("id").execute();
    let removed = 0;
    for (const { id } of gone) {
      const wanted = batch - removed;
      if (wanted <= 0) break;
      const some = this.#db
        .selectFrom("invocations")
        .select("seq")
        .where("function_id", "=", id)
        .limit(wanted);
      let deleted = await this.#delete(some);
      deleted += await forgetStatistics(this.#db, id, wanted - deleted);
      removed += deleted;
      if (deleted < wanted) {
        await this.#db.deleteFrom("deleted_functions").where("id", "=", id).execute();
      }
    }
    return removed;
  }

  async #pruneFunction(
    functionId: string,
    limit: { oldest: string; maxRecords: number },
    batch: number,
  ): Promise<number> {
    const ofFunction = this.#db
      .selectFrom("invocations")
      .select(["seq", "invoked_at"])
      .where("function_id", "=", functionId);
    const firstBeyond = await ofFunction
      .orderBy("invoked_at", "desc")
      .orderBy("seq", "desc")
      .limit(1)
      .offset(limit.maxRecords)
      .executeTakeFirst();
    const doomed = ofFunction
      .clearSelect()
      .select("seq")
      .where((or) =>
        or.or([
          or("invoked_at", "<", limit.oldest),
          ...(firstBeyond === undefined
            ? []
            : [
                or("invoked_at", "<", firstBeyond.invoked_at),
                or.and([
                  or("invoked_at", "=", firstBeyond.invoked_at),
                  or("seq", "<=", firstBeyond.seq),
                ]),
              ]),
        ]),
      )
      .orderBy("invoked_at")
      .limit(batch);
    return this.#delete(doomed);
  }

  async #delete(doomed: SelectQueryBuilder<Schema, "invocations", { seq: number }>) {
    const result = await this.#db
      .deleteFrom("invocations")
      .where("seq", "in", doomed)
      .executeTakeFirst();
    return Number(result.numDeletedRows);
  }
}

function newestPerFunction(records: readonly InvocationRecord[]): Map<string, Date> {
  const newest = new Map<string, Date>();
  for (const { functionId, invokedAt } of records) {
    const known = newest.get(functionId);
    if (known === undefined || known < invokedAt) newest.set(functionId, invokedAt);
  }
  return newest;
}

async function livingFunctions(trx: Transaction<Schema>, ids: string[]): Promise<Set<string>> {
  const rows = await trx.selectFrom("functions").select("id").where("id", "in", ids).execute();
  return new Set(rows.map((row) => row.id));
}

function toRow(record: InvocationRecord): Insertable<InvocationsTable> {
  return {
    id: record.id,
    function_id: record.functionId,
    request_id: record.requestId,
    status: record.status,
    duration_ms: record.durationMs,
    cold_start: record.coldStart ? 1 : 0,
    vm_id: record.vmId,
    error: record.error,
    error_type: record.errorType,
    stack: record.stack,
    logs: JSON.stringify(record.logs),
    event: record.event,
    response: record.response,
    invoked_at: record.invokedAt.toISOString(),
  };
}
