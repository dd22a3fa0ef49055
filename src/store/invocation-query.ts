import { sql, type Kysely, type Selectable, type SelectQueryBuilder } from "kysely";
import { mentions, type InvocationRecord, type InvocationStatus } from "../core/invocation.ts";
import type { InvocationPage, InvocationQuery } from "../ports/store.ts";
import type { InvocationsTable, Schema } from "./schema.ts";

type Matching = SelectQueryBuilder<Schema, "invocations", object>;

/** Rows whose text is looked at in one go, while everything else waits. */
const textRows = 200;

/** See `InvocationStore.query`. */
export async function queryInvocations(
  db: Kysely<Schema>,
  query: InvocationQuery,
): Promise<InvocationPage> {
  const matching = narrow(db.selectFrom("invocations"), query);
  const { limit, offset, text } = query;
  if (text !== undefined) {
    const found = await findText(matching, text);
    const wanted = found.slice(offset, offset + limit);
    const rows = await newestFirst(db.selectFrom("invocations"))
      .selectAll()
      .where("seq", "in", wanted)
      .execute();
    return { items: rows.map(toRecord), total: found.length };
  }
  const { total } = await matching
    .select((row) => row.fn.countAll<number>().as("total"))
    .executeTakeFirstOrThrow();
  const rows = await newestFirst(matching).selectAll().limit(limit).offset(offset).execute();
  return { items: rows.map(toRecord), total };
}

/** Everything but the text. */
function narrow(all: Matching, query: InvocationQuery): Matching {
  let matching = all.where("function_id", "=", query.functionId);
  const { status, requestId, coldStart, vmId, minDurationMs, since, until } = query;
  if (status !== undefined) matching = matching.where("status", "=", status);
  if (requestId !== undefined) matching = matching.where("request_id", "=", requestId);
  if (coldStart !== undefined) matching = matching.where("cold_start", "=", coldStart ? 1 : 0);
  if (vmId !== undefined) matching = matching.where("vm_id", "=", vmId);
  if (minDurationMs !== undefined) matching = matching.where("duration_ms", ">=", minDurationMs);
  if (since !== undefined) matching = matching.where("invoked_at", ">=", since.toISOString());
  if (until !== undefined) matching = matching.where("invoked_at", "<", until.toISOString());
  return matching;
}

function newestFirst(rows: Matching): Matching {
  return rows.orderBy("invoked_at", "desc").orderBy("seq", "desc");
}

/**
 * The `seq` of rows with the text, newest first. A few rows at a time: a long history takes
 * seconds, in which invocations go on.
 */
async function findText(matching: Matching, text: string): Promise<number[]> {
  const found: number[] = [];
  let after: { readonly invoked_at: string; readonly seq: number } | undefined;
  for (;;) {
    const next =
      after === undefined
        ? matching
        : matching.where(sql<boolean>`(invoked_at, seq) < (${after.invoked_at}, ${after.seq})`);
    const rows = await newestFirst(next)
      .select(["seq", "invoked_at", "logs", "error"])
      .limit(textRows)
      .execute();
    for (const { seq, logs, error } of rows) {
      if (mentions({ logs: JSON.parse(logs) as string[], error }, text)) found.push(seq);
    }
    after = rows.at(-1);
    if (rows.length < textRows) return found;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export function toRecord(row: Selectable<InvocationsTable>): InvocationRecord {
  return {
    id: row.id,
    functionId: row.function_id,
    requestId: row.request_id,
    status: row.status as InvocationStatus,
    durationMs: row.duration_ms,
    coldStart: row.cold_start === 1,
    vmId: row.vm_id,
    error: row.error,
    errorType: row.error_type,
    stack: row.stack,
    logs: JSON.parse(row.logs) as string[],
    event: row.event,
    response: row.response,
    invokedAt: new Date(row.invoked_at),
  };
}
