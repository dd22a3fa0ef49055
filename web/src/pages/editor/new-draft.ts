import { useEffect, useRef, useState } from "react";
import type { FunctionItem, RuntimeItem } from "../../api.ts";
import { newSettings, type SettingsDraft, toRequest } from "../../ui/settings-fields.tsx";
import { useDraft } from "../../ui/use-draft.ts";
import { keepCodeDraft } from "./code-draft.ts";
import { freeName } from "./function-name.ts";
import { type Template, templatesOf } from "./templates.ts";

/** A function that is not there yet, as it is written. */
export interface NewDraft {
  readonly name: string;
  readonly runtime: string;
  readonly template: string;
  readonly code: string;
  /** JSON, to try it with. */
  readonly event: string;
  readonly settings: SettingsDraft;
}

interface DraftParts {
  readonly runtimes: readonly RuntimeItem[];
  readonly taken: ReadonlySet<string>;
  /** The function, once it is created. */
  readonly item: FunctionItem | null;
}

/**
 * What is written on the page of a new function. This browser keeps it until the function is
 * created; what is changed from then on is kept as a draft of that function.
 */
export function useNewDraft({ runtimes, taken, item }: DraftParts) {
  const { draft: kept, keep, drop } = useDraft<NewDraft>("new");
  const [held, setHeld] = useState<NewDraft | null>(null);
  /** What of it the manager has accepted. */
  const [sent, setSent] = useState<NewDraft | null>(null);
  useEffect(() => {
    if (item === null || held === null) return;
    const { handler, env } = held.settings;
    keepCodeDraft(item, { code: held.code, handler, env });
  }, [item, held]);
  const templates = (runtime: string) =>
    templatesOf(runtime, runtimes.find(({ name }) => name === runtime)?.template);
  const begin = (runtime: string, wanted?: string): NewDraft => {
    const all = templates(runtime);
    const template = all.find(({ name }) => name === wanted) ?? all[0];
    return { ...beginWith(template, taken), runtime, settings: newSettings };
  };
  const draft = held ?? kept ?? begin(runtimes[0]?.name ?? "node");
  const latest = useRef(draft);
  useEffect(() => {
    latest.current = draft;
  });
  const from = templates(draft.runtime).find(({ name }) => name === draft.template);
  const set = (fields: Partial<NewDraft>) => {
    const next = { ...draft, ...fields };
    if (item === null) keep(next);
    else setHeld(next);
  };
  return {
    draft,
    set,
    templates: templates(draft.runtime),
    /** Whether there is something to discard. */
    isKept: kept !== null,
    drop,
    /** Whether something is written that the manager has not accepted. */
    isChanged:
      sent === null || JSON.stringify(requestOf(draft)) !== JSON.stringify(requestOf(sent)),
    /** Whether some of that would be lost with the page: a draft of the function has not all of it. */
    isLosable:
      sent !== null && JSON.stringify(beyondCode(draft)) !== JSON.stringify(beyondCode(sent)),
    /** Whether code or event are the author's own, which another template would replace. */
    isWritten: draft.code !== (from?.code ?? "") || draft.event !== eventOf(from),
    /** Another runtime or template: settings stay, and so does a name that somebody has thought of. */
    choose: (runtime: string, template?: string) => {
      const { name, ...next } = begin(runtime, template);
      const isNamed = draft.name !== freeName(from?.functionName ?? "", taken);
      set({ ...next, settings: draft.settings, name: isNamed ? draft.name : name });
    },
    /** The manager has accepted it as it was here; what was written meanwhile stays. */
    accept: () => {
      setSent(draft);
      setHeld(latest.current);
      drop();
    },
  };
}

function beginWith(template: Template | undefined, taken: ReadonlySet<string>) {
  return {
    name: freeName(template?.functionName ?? "function", taken),
    template: template?.name ?? "",
    code: template?.code ?? "",
    event: eventOf(template),
  };
}

function eventOf(template: Template | undefined): string {
  return JSON.stringify(template?.event ?? {}, null, 2);
}

/** What `keepCodeDraft` does not keep. */
function beyondCode({ name, settings }: NewDraft) {
  const { handler: _, env: __, ...others } = settings;
  return { name, ...others };
}

/** What creates it. */
export function requestOf({ name, runtime, code, settings }: NewDraft) {
  return { name, runtime, code, ...toRequest(settings) };
}
