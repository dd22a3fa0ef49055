import type { Generated } from "kysely";

/** Tables as they are on the disk. Times are RFC 3339 text in UTC, so that they sort; JSON is text. */
export interface Schema {
  functions: FunctionsTable;
  function_revisions: FunctionRevisionsTable;
  invocations: InvocationsTable;
  deleted_functions: DeletedFunctionsTable;
  invocation_statistics: InvocationStatisticsTable;
}

export interface FunctionsTable {
  id: string;
  name: string;
  runtime: string;
  timeout_ms: number;
  min_vms: number;
  max_vms: number;
  max_concurrency: number;
  idle_timeout_ms: number;
  egress: string;
  state: string;
  revision: number;
  deployed_revision: number | null;
  last_error: string | null;
  created_at: string;
  updated_at: string;
  last_invoked_at: string | null;
}

export interface FunctionRevisionsTable {
  function_id: string;
  revision: number;
  handler: string;
  code: string;
  env: string;
  vcpus: number;
  memory_mib: number;
  created_at: string;
  deployed_at: string | null;
  error: string | null;
}

export interface InvocationsTable {
  seq: Generated<number>;
  id: string;
  function_id: string;
  request_id: string;
  status: string;
  duration_ms: number;
  cold_start: number;
  vm_id: string | null;
  error: string | null;
  error_type: string | null;
  stack: string | null;
  logs: string;
  event: string;
  response: string | null;
  invoked_at: string;
}

/** Functions that are gone while some of their history is still to be removed. */
export interface DeletedFunctionsTable {
  id: string;
}

/** A function's invocations that began in one minute, or hour, of UTC. */
export interface InvocationStatisticsTable {
  id: Generated<number>;
  function_id: string;
  step: StatisticsStep;
  /** When the minute or hour begins. */
  at: string;
  success: number;
  error: number;
  timeout: number;
  cold_starts: number;
  duration_sum_ms: number;
  /** See duration-histogram.ts. */
  durations: Uint8Array;
}

export type StatisticsStep = "minute" | "hour";
