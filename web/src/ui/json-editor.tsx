import type { ReactNode } from "react";
import { Field } from "./fields.tsx";

/** What is wrong with a JSON text, in a sentence; null where nothing is. */
export function jsonProblem(text: string): string | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return `Not JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** A field for a JSON value that says what is wrong with it while it is written. */
export function JsonEditor({
  label,
  value,
  onChange,
  rows = 7,
}: {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly rows?: number;
}): ReactNode {
  return (
    <Field label={label} problem={jsonProblem(value)}>
      {(parts) => (
        <textarea
          {...parts}
          className="input json-editor"
          rows={rows}
          spellCheck={false}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}
