import { type ReactNode, useState } from "react";
import type { RuntimeItem } from "../../api.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Field } from "../../ui/fields.tsx";
import type { NewDraft, useNewDraft } from "./new-draft.ts";

interface ChoicesProps {
  readonly draft: NewDraft;
  readonly parts: Pick<
    ReturnType<typeof useNewDraft>,
    "set" | "choose" | "templates" | "isWritten"
  >;
  readonly runtimes: readonly RuntimeItem[];
  /** Whether the function is there, and keeps its runtime. */
  readonly fixed: boolean;
  readonly problem: string | undefined;
}

type Choice = readonly [runtime: string, template?: string];

/** What the function is called, what it runs on, and what it begins with. */
export function Choices({ draft, parts, runtimes, fixed, problem }: ChoicesProps): ReactNode {
  const { set, choose, templates, isWritten } = parts;
  /** What would replace code that somebody has written. */
  const [asked, setAsked] = useState<Choice | null>(null);
  const wish = (...choice: Choice) => (isWritten ? setAsked(choice) : choose(...choice));
  return (
    <div className="field-grid">
      <Field label="Name" problem={problem}>
        {(field) => (
          <input
            {...field}
            className="input"
            value={draft.name}
            spellCheck={false}
            autoComplete="off"
            onChange={({ target }) => set({ name: target.value })}
          />
        )}
      </Field>
      <Field label="Runtime">
        {(field) => (
          <select
            {...field}
            className="input"
            value={draft.runtime}
            disabled={fixed}
            onChange={({ target }) => wish(target.value)}
          >
            {runtimes.map(({ name, interpreter }) => (
              <option key={name} value={name}>
                {interpreter}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field label="Begin with">
        {(field) => (
          <select
            {...field}
            className="input"
            value={draft.template}
            onChange={({ target }) => wish(draft.runtime, target.value)}
          >
            {templates.map(({ name }) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        )}
      </Field>
      <Dialog title="Replace what is yours?" open={asked !== null} onClose={() => setAsked(null)}>
        <p>The template takes the place of the code and the event that you have written.</p>
        <div className="actions">
          <Button onClick={() => setAsked(null)}>Keep mine</Button>
          <Button
            variant="primary"
            onClick={() => {
              if (asked !== null) choose(...asked);
              setAsked(null);
            }}
          >
            Replace it
          </Button>
        </div>
      </Dialog>
    </div>
  );
}
