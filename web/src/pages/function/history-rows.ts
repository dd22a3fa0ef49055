import type { InvocationItem, InvocationPage } from "../../api.ts";
import { pageSize } from "./invocation-search.ts";

/** The first page of a history as it was read, and what has ended since. */
interface HistoryParts {
  readonly page: InvocationPage | undefined;
  /** In any order. */
  readonly tail: readonly InvocationItem[];
  /** RFC 3339: from when on calls are looked for, where they are. */
  readonly since: string | undefined;
}

/** The rows of the first page, the newest call first, and how many there are on all pages. */
export function historyRows({ page, tail, since = "" }: HistoryParts) {
  const { items: read = [], total = 0 } = page ?? {};
  const known = new Set(read.map(({ id }) => id));
  // What is older than a full page stands on another.
  const oldest = (read.length >= pageSize ? read.at(-1)?.invoked_at : undefined) ?? since;
  const fresh = tail.filter(({ id, invoked_at: at }) => !known.has(id) && at >= oldest);
  const items = [...fresh, ...read]
    .toSorted((a, b) => (a.invoked_at === b.invoked_at ? 0 : a.invoked_at > b.invoked_at ? -1 : 1))
    .slice(0, pageSize);
  return { items, total: total + fresh.length };
}
