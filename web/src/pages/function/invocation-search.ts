import type { InvocationStatus, ListInvocationsQuery } from "../../api.ts";

/** Which invocations are looked for, as it stands in the address. */
export interface InvocationSearch {
  readonly status?: InvocationStatus;
  readonly q?: string;
  /** The request id of the one call that is looked for. */
  readonly request?: string;
  readonly cold?: boolean;
  /** At least so many milliseconds. */
  readonly slow?: number;
  /** From 1. */
  readonly page?: number;
}

export const pageSize = 50;
const statuses: readonly InvocationStatus[] = ["success", "error", "timeout"];

/** Only what makes sense in an address that anybody may have written. */
export function readInvocationSearch(search: Record<string, unknown>): InvocationSearch {
  const { q, request, cold, slow, page } = search;
  const status = statuses.find((each) => each === search["status"]);
  // A number that stands in an address comes as one.
  const words = typeof q === "number" ? String(q) : q;
  return {
    ...(status && { status }),
    ...(typeof words === "string" && words !== "" && { q: words.slice(0, 200) }),
    ...(typeof request === "string" && request !== "" && { request }),
    ...(typeof cold === "boolean" && { cold }),
    ...(isWhole(slow) && slow > 0 && { slow }),
    ...(isWhole(page) && page > 1 && { page }),
  };
}

function isWhole(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** The same as the manager wants it. */
export function toQuery({
  status,
  q,
  request,
  cold,
  slow,
}: InvocationSearch): ListInvocationsQuery {
  return {
    ...(status && { status }),
    ...(q !== undefined && { q }),
    ...(request !== undefined && { request_id: request }),
    ...(cold !== undefined && { cold_start: cold }),
    ...(slow !== undefined && { min_duration_ms: slow }),
  };
}
