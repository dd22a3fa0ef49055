import type { InvocationStatus, ListInvocationsQuery } from "../../api.ts";

/** Stretches of time that end now, and how long they are. */
const rangeMs = { "15m": 900_000, "1h": 3_600_000, "24h": 86_400_000, "7d": 604_800_000 } as const;

/** How far back is looked; `custom` is from `since` to `until`. */
export type InvocationRange = keyof typeof rangeMs | "custom";

/** Which invocations are looked for, as it stands in the address. */
export interface InvocationSearch {
  readonly status?: InvocationStatus;
  readonly q?: string;
  /** The request id of the one call that is looked for. */
  readonly request?: string;
  readonly cold?: boolean;
  /** At least so many milliseconds. */
  readonly slow?: number;
  /** The id of the VM that they ran in. */
  readonly vm?: string;
  /** Since ever where it is left out. */
  readonly range?: InvocationRange;
  /** RFC 3339; only with the range `custom`, as `until` is. */
  readonly since?: string;
  readonly until?: string;
  /** From 1. */
  readonly page?: number;
}

export const pageSize = 50;
const statuses: readonly InvocationStatus[] = ["success", "error", "timeout"];
const ranges: readonly InvocationRange[] = ["15m", "1h", "24h", "7d", "custom"];
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Only what makes sense in an address that anybody may have written. */
export function readInvocationSearch(search: Record<string, unknown>): InvocationSearch {
  const { q, request, cold, slow, vm, page } = search;
  const status = statuses.find((each) => each === search["status"]);
  const range = ranges.find((each) => each === search["range"]);
  // A number that stands in an address comes as one.
  const words = typeof q === "number" ? String(q) : q;
  return {
    ...(status && { status }),
    ...(isText(words) && { q: words.slice(0, 200) }),
    ...(isText(request) && { request }),
    ...(typeof cold === "boolean" && { cold }),
    ...(isWhole(slow) && slow > 0 && { slow }),
    ...(isText(vm) && { vm }),
    ...(range && { range }),
    ...(range === "custom" && { ...readTime("since", search), ...readTime("until", search) }),
    ...(isWhole(page) && page > 1 && { page }),
  };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isWhole(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function readTime(key: "since" | "until", search: Record<string, unknown>) {
  const time = isText(search[key]) ? new Date(search[key]) : null;
  return time === null || Number.isNaN(time.getTime()) ? {} : { [key]: time.toISOString() };
}

/** The same on its first page, with the one part set, or without it. */
export function withPart<K extends keyof InvocationSearch>(
  search: InvocationSearch,
  key: K,
  value: InvocationSearch[K] | undefined,
): InvocationSearch {
  const { [key]: _, page: __, ...rest } = search;
  return value === undefined ? rest : { ...rest, [key]: value };
}

/** What is looked for when this is written: a whole request id finds its call, all else is text. */
export function withText(search: InvocationSearch, text: string): InvocationSearch {
  const wanted = text.trim();
  const { q: _, request: __, ...rest } = search;
  if (uuid.test(wanted)) return withPart(rest, "request", wanted.toLowerCase());
  return withPart(rest, "q", text === "" ? undefined : text);
}

/** Another range; times of its own are only of `custom`, which begins an hour before `now`. */
export function withRange(
  search: InvocationSearch,
  range: InvocationRange | undefined,
  now: number,
): InvocationSearch {
  const { since: _, until: __, ...rest } = search;
  const next = withPart(rest, "range", range);
  if (range !== "custom") return next;
  return { ...next, since: new Date(now - rangeMs["1h"]).toISOString() };
}

/** What both the history and its stream take, as the manager wants it. */
export function toFilter({ status, q, request, cold, slow, vm }: InvocationSearch) {
  return {
    ...(status && { status }),
    ...(q !== undefined && { q }),
    ...(request !== undefined && { request_id: request }),
    ...(cold !== undefined && { cold_start: cold }),
    ...(slow !== undefined && { min_duration_ms: slow }),
    ...(vm !== undefined && { vm_id: vm }),
  };
}

/** The same for the history, which can be asked for a stretch of time too. */
export function toQuery(search: InvocationSearch, now: number): ListInvocationsQuery {
  const { range, since, until } = search;
  if (range === undefined) return toFilter(search);
  const from = range === "custom" ? since : new Date(now - rangeMs[range]).toISOString();
  return {
    ...toFilter(search),
    ...(from !== undefined && { since: from }),
    ...(range === "custom" && until !== undefined && { until }),
  };
}

/** Why calls that end now are not shown; null where they can be. */
export function whyNotLive({ page = 1, range }: InvocationSearch): string | null {
  if (page > 1) return "New calls are on the first page";
  return range === "custom" ? "A stretch of time is chosen" : null;
}
