import { useState } from "react";

/** Something that is being written: this browser keeps it until it is done, also over a reload. */
export function useDraft<T>(key: string) {
  const name = `firelet.draft.${key}`;
  const [draft, setDraft] = useState(() => read(name) as T | null);
  return {
    /** Null where nothing is being written. */
    draft,
    keep: (next: T) => {
      setDraft(next);
      localStorage.setItem(name, JSON.stringify(next));
    },
    drop: () => {
      setDraft(null);
      localStorage.removeItem(name);
    },
  };
}

function read(name: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(name) ?? "null");
  } catch {
    return null;
  }
}
