import { useEffect, useRef } from "react";
import type { FunctionItem, UpdateFunctionRequest } from "../../api.ts";
import { toEnv } from "../../ui/settings-fields.tsx";
import { storeDraft, useDraft } from "../../ui/use-draft.ts";

/** What of a function is written beside its editor. */
export interface Written {
  readonly code: string;
  readonly handler: string;
  readonly env: readonly (readonly [name: string, value: string])[];
}

/** What of it is another than what was deployed, and since when. */
interface CodeDraft {
  readonly fields: Partial<Written>;
  /** The revision that it was begun from. */
  readonly revision: number;
  readonly since: string;
}

/** Keeps what somebody writes elsewhere of a function, for its page of code. */
export function keepCodeDraft(item: FunctionItem, fields: Partial<Written>): void {
  storeDraft(keyOf(item), draftOf(item, fields));
}

function keyOf({ id }: FunctionItem): string {
  return `code.${id}`;
}

/** What differs from a function; null where nothing does. */
function draftOf(item: FunctionItem, fields: Partial<Written>): CodeDraft | null {
  const now = writtenOf(item);
  const changed = Object.entries(fields).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(now[name as keyof Written]),
  );
  if (changed.length === 0) return null;
  const since = new Date().toISOString();
  return { fields: Object.fromEntries(changed), revision: item.revision, since };
}

/** What somebody writes of a function, kept in this browser until it is deployed or discarded. */
export function useCodeDraft(item: FunctionItem) {
  const { draft, keep, drop } = useDraft<CodeDraft>(keyOf(item));
  const latest = useRef(draft);
  useEffect(() => {
    latest.current = draft;
  });
  const written: Written = { ...writtenOf(item), ...draft?.fields };
  const changes = changesOf(item, written);
  const isChanged = Object.keys(changes).length > 0;
  const isOutdated = draft !== null && draft.revision !== item.revision;
  useEffect(() => {
    // The very same is deployed, by whomever.
    if (isOutdated && !isChanged) drop();
  });
  return {
    draft,
    written,
    /** What a request has to change; nothing where nothing is changed. */
    changes,
    isChanged,
    /** Whether the function has changed since the draft was begun. */
    isOutdated,
    set: (fields: Partial<Written>) => {
      const next = draftOf(item, { ...draft?.fields, ...fields });
      if (next === null) drop();
      else
        keep({
          ...next,
          revision: draft?.revision ?? next.revision,
          since: draft?.since ?? next.since,
        });
    },
    drop,
    /** After it was accepted: what was written meanwhile stays, as a change of that. */
    settle: (accepted: FunctionItem) => {
      const now = latest.current;
      const next = now && draftOf(accepted, now.fields);
      // Where nothing was, it goes once the page has what was accepted, and not a moment before.
      if (now && next) keep({ ...next, since: now.since });
    },
  };
}

function writtenOf({ code, handler, env }: FunctionItem): Written {
  return { code, handler, env: Object.entries(env) };
}

/** The order of variables is no change, nor is a row without a name. */
function changesOf(item: FunctionItem, written: Written): UpdateFunctionRequest {
  const env = toEnv(written.env);
  return {
    ...(written.code !== item.code && { code: written.code }),
    ...(written.handler !== item.handler && { handler: written.handler }),
    ...(inOrder(env) !== inOrder(item.env) && { env }),
  };
}

function inOrder(env: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(env).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
