import { useState } from "react";

/** Something that is being written: this browser keeps it until it is done, also over a reload. */
export function useDraft<T>(key: string) {
  const [draft, setDraft] = useState(() => read(nameOf(key)) as T | null);
  return {
    /** Null where nothing is being written. */
    draft,
    keep: (next: T) => {
      setDraft(next);
      storeDraft(key, next);
    },
    drop: () => {
      setDraft(null);
      storeDraft(key, null);
    },
  };
}

/** Keeps a draft for a page that is opened later; null is none. */
export function storeDraft(key: string, draft: unknown): void {
  if (draft === null) return localStorage.removeItem(nameOf(key));
  try {
    localStorage.setItem(nameOf(key), JSON.stringify(draft));
  } catch {
    // There is no room for it: it can still be written and deployed, but not over a reload.
  }
}

function nameOf(key: string): string {
  return `firelet.draft.${key}`;
}

function read(name: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(name) ?? "null");
  } catch {
    return null;
  }
}
