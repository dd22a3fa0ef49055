import { Search } from "lucide-react";
import type { ReactNode } from "react";
import { useTyped } from "./use-typed.ts";

interface SearchFieldProps {
  readonly label: string;
  /** What can be looked for, where that is more than the label says. */
  readonly hint?: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

/** Where it is written what a list is searched for. */
export function SearchField({ label, hint = label, value, onChange }: SearchFieldProps): ReactNode {
  const { typed, type } = useTyped(value, onChange);
  return (
    <div className="search">
      <Search size={15} aria-hidden />
      <input
        className="input"
        type="search"
        placeholder={label}
        title={hint}
        aria-label={hint}
        value={typed}
        onChange={({ target }) => type(target.value)}
      />
    </div>
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly value: string | undefined;
  /** What stands for no choice. */
  readonly all: string;
  readonly options: readonly (readonly [value: string, text: string])[];
  readonly onChange: (value: string | undefined) => void;
}

/** One of a few things by which a list is filtered, or none of them. */
export function Choice({ label, value, all, options, onChange }: ChoiceProps): ReactNode {
  // An address may have a value that is not offered: it is what is shown all the same.
  const isOffered = value === undefined || options.some(([option]) => option === value);
  return (
    <select
      className="input"
      aria-label={label}
      value={value ?? ""}
      onChange={({ target }) => onChange(target.value === "" ? undefined : target.value)}
    >
      <option value="">{all}</option>
      {options.map(([option, text]) => (
        <option key={option} value={option}>
          {text}
        </option>
      ))}
      {!isOffered && <option value={value}>{value}</option>}
    </select>
  );
}
