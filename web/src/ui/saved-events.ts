import { useState } from "react";
import { recall, store } from "./stored.ts";

/** What is kept of one function's events. */
interface Kept {
  /** What is written now. */
  readonly text: string;
  readonly saved: Readonly<Record<string, string>>;
}

const greeting = '{\n  "name": "World"\n}';

/** What there is before anything was kept: a few events to begin with, which can be forgotten too. */
const first: Kept = {
  text: greeting,
  saved: { "A name": greeting, "A list": "[1, 2, 3]", "Nothing in it": "{}" },
};

/** The events of a function that this browser keeps: the one that is written, and those with names. */
export function useSavedEvents(functionId: string) {
  const key = `events.${functionId}`;
  const [kept, setKept] = useState<Kept>(() => ({
    ...first,
    ...(recall(key) as Partial<Kept> | null),
  }));
  const [name, setName] = useState<string | null>(null);
  const keep = (next: Kept) => {
    setKept(next);
    store(key, next);
  };
  return {
    text: kept.text,
    names: Object.keys(kept.saved).toSorted(),
    /** Of the saved event that was chosen last, where there is one. */
    name,
    setText: (text: string) => keep({ ...kept, text }),
    choose(chosen: string) {
      const text = kept.saved[chosen];
      setName(text === undefined ? null : chosen);
      if (text !== undefined) keep({ ...kept, text });
    },
    save(wanted: string) {
      setName(wanted);
      keep({ ...kept, saved: { ...kept.saved, [wanted]: kept.text } });
    },
    remove() {
      const { [name ?? ""]: _, ...others } = kept.saved;
      setName(null);
      keep({ ...kept, saved: others });
    },
  };
}
