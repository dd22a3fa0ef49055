import type { FunctionDayItem, FunctionSummary } from "../../api.ts";

/** What the list can be ordered by. */
export const sortKeys = ["name", "state", "runtime", "invoked", "calls", "errors", "vms"] as const;
export type SortKey = (typeof sortKeys)[number];

/** What is looked for, as it stands in the address. */
export interface FunctionsSearch {
  readonly q?: string;
  readonly state?: string;
  readonly runtime?: string;
  readonly sort?: SortKey;
  /** Set where the order is the other way round than the column's usual one. */
  readonly reverse?: true;
}

/** Only what makes sense in an address that anybody may have written. */
export function readSearch(search: Record<string, unknown>): FunctionsSearch {
  const text = (key: "q" | "state" | "runtime") => {
    const value = search[key];
    return typeof value === "string" && value !== "" ? { [key]: value } : {};
  };
  const sort = sortKeys.find((key) => key === search["sort"]);
  return {
    ...text("q"),
    ...text("state"),
    ...text("runtime"),
    ...(sort && { sort }),
    ...(search["reverse"] === true && { reverse: true }),
  };
}

/** A function with what it did since yesterday. */
export interface Row {
  readonly item: FunctionSummary;
  readonly day: FunctionDayItem | undefined;
}

/** The share of calls that failed, from 0 to 1; null where there were none. */
export function errorRate(day: FunctionDayItem | undefined): number | null {
  return day === undefined || day.total === 0 ? null : day.failed / day.total;
}

const stateOrder = ["error", "creating", "booting", "deploying", "ready"];

/** Texts from A on, numbers and times from the largest on. */
const compare: Record<SortKey, (a: Row, b: Row) => number> = {
  name: (a, b) => a.item.name.localeCompare(b.item.name),
  state: (a, b) => stateOrder.indexOf(a.item.state) - stateOrder.indexOf(b.item.state),
  runtime: (a, b) => a.item.runtime.localeCompare(b.item.runtime),
  invoked: (a, b) => (b.item.last_invoked_at ?? "").localeCompare(a.item.last_invoked_at ?? ""),
  calls: (a, b) => (b.day?.total ?? 0) - (a.day?.total ?? 0),
  errors: (a, b) => (errorRate(b.day) ?? -1) - (errorRate(a.day) ?? -1),
  vms: (a, b) => b.item.vms - a.item.vms,
};

/** The rows that are looked for, in their order. */
export function selectRows(rows: readonly Row[], search: FunctionsSearch): readonly Row[] {
  const { q = "", state, runtime, sort = "name", reverse = false } = search;
  const found = rows.filter(
    ({ item }) =>
      item.name.includes(q.toLowerCase()) &&
      (state === undefined || item.state === state) &&
      (runtime === undefined || item.runtime === runtime),
  );
  const sign = reverse ? -1 : 1;
  return found.toSorted((a, b) => sign * compare[sort](a, b) || compare.name(a, b));
}
