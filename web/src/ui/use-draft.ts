import { useState } from "react";
import { recall, store } from "./stored.ts";

/** Something that is being written: this browser keeps it until it is done, also over a reload. */
export function useDraft<T>(key: string) {
  const [draft, setDraft] = useState(() => recall(nameOf(key)) as T | null);
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
  store(nameOf(key), draft);
}

function nameOf(key: string): string {
  return `draft.${key}`;
}
