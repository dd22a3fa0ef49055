import type { FunctionRecord, RevisionRecord } from "../core/function.ts";
import type {
  HourCount,
  InvocationFilter,
  InvocationRecord,
  InvocationStatistics,
} from "../core/invocation.ts";

/** Which invocations a caller wants, newest first. */
export interface InvocationQuery extends InvocationFilter {
  readonly functionId: string;
  readonly limit: number;
  readonly offset: number;
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
}

export interface InvocationPage {
  readonly items: readonly InvocationRecord[];
  /** How many match, over all pages. */
  readonly total: number;
}

/** An invocation, and its place in the order in which they were written, which grows. */
export interface RecordedInvocation {
  readonly number: number;
  readonly record: InvocationRecord;
}

/** A stretch of time, in equal steps of whole minutes that begin at one. */
export interface StatisticsQuery {
  readonly functionId: string;
  readonly from: Date;
  /** Minutes are kept for 26 hours; steps of whole hours, as long as the history's age allows. */
  readonly stepMs: number;
  readonly steps: number;
}

/** How much invocation history is kept. */
export interface RetentionLimit {
  readonly maxAgeMs: number;
  /** Of one function. */
  readonly maxRecords: number;
}

/** Functions: what resolves is on the disk. */
export interface FunctionStore {
  list(): Promise<readonly FunctionRecord[]>;
  /** Rejects with `name_taken` where another function has the name. */
  insert(record: FunctionRecord): Promise<void>;
  /** Rejects with `name_taken`, or `function_not_found` where it is gone. */
  update(record: FunctionRecord): Promise<void>;
  /**
   * The revisions that are kept of a function, newest first: the last ten, and the deployed one
   * where it is older. None where the function is gone.
   */
  listRevisions(id: string): Promise<readonly RevisionRecord[]>;
  /** Removes the function, its revisions and its invocation history. Repeatable. */
  delete(id: string): Promise<void>;
}

/** Invocation history: written in batches, after the reply. */
export interface InvocationStore {
  /** Writes the batch whole or not at all; records of functions that are gone are passed over. */
  insertBatch(records: readonly InvocationRecord[]): Promise<void>;
  query(query: InvocationQuery): Promise<InvocationPage>;
  /** Of a function at most `limit` that were written after the one of that number, oldest first. */
  readAfter(functionId: string, number: number, limit: number): Promise<RecordedInvocation[]>;
  /** The number of the function's newest; 0 where there is none. */
  lastNumber(functionId: string): Promise<number>;
  /**
   * What was written of a function, counted: also of records that were removed for their number,
   * and in a time that does not grow with them. Counts and averages are exact, percentiles (of the
   * nearest rank) right to 0.05 %, or half a microsecond.
   */
  readStatistics(query: StatisticsQuery): Promise<InvocationStatistics>;
  /** What was written of all functions, counted by the hours from that one on; none are empty. */
  countByHour(from: Date): Promise<readonly HourCount[]>;
  /** Removes at most `batch` records and counts beyond the limit; resolves to how many. */
  prune(limit: RetentionLimit, now: Date, batch: number): Promise<number>;
}

export interface Store {
  readonly functions: FunctionStore;
  readonly invocations: InvocationStore;
  close(): Promise<void>;
}
