import { Plus, Trash2 } from "lucide-react";
import type { ReactNode } from "react";
import { functionDefaults, type FunctionItem } from "../api.ts";
import { Button } from "./button.tsx";
import { Field } from "./fields.tsx";

/** What a function is set to beside its code, as it is written in a form. */
export type SettingsDraft = Pick<
  FunctionItem,
  | "handler"
  | "vcpu"
  | "memory_mb"
  | "timeout_seconds"
  | "min_vms"
  | "max_vms"
  | "max_concurrency"
  | "idle_timeout_seconds"
  | "egress"
> & {
  /** Names and values in their order, empty ones too while they are written. */
  readonly env: readonly (readonly [name: string, value: string])[];
};

/** What a new function is set to. */
export const newSettings: SettingsDraft = { ...functionDefaults, env: [] };

/** The settings of a function that there is. */
export function settingsOf(item: FunctionItem): SettingsDraft {
  const { handler, vcpu, memory_mb, timeout_seconds, min_vms, max_vms, egress } = item;
  const { max_concurrency, idle_timeout_seconds, env } = item;
  const numbers = { vcpu, memory_mb, timeout_seconds, min_vms, max_vms };
  return {
    handler,
    ...numbers,
    max_concurrency,
    idle_timeout_seconds,
    egress,
    env: Object.entries(env),
  };
}

/** The same as a request wants it. */
export function toRequest({ env, egress, ...settings }: SettingsDraft) {
  const list = Array.isArray(egress)
    ? egress.map((line) => line.trim()).filter((line) => line !== "")
    : egress;
  return { ...settings, egress: list, env: toEnv(env) };
}

/** Variables as a request wants them; a row without a name is none. */
export function toEnv(env: SettingsDraft["env"]): Record<string, string> {
  return Object.fromEntries(env.filter(([name]) => name !== ""));
}

/** What is wrong with the names of variables; null where nothing is. */
function envProblem(env: SettingsDraft["env"]): string | null {
  const names = env.map(([name]) => name).filter((name) => name !== "");
  const strange = names.find((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  if (strange !== undefined) {
    return `“${strange}” is no name: letters, digits and _ make one, and no digit begins it`;
  }
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  return twice === undefined ? null : `${twice} is there twice: the last one holds`;
}

export interface SettingsProps<T = SettingsDraft> {
  readonly value: T;
  readonly onChange: (value: T) => void;
  /** What the manager has against a field, by its name. */
  readonly problems?: Readonly<Record<string, string>>;
}

const sizeFields = [
  ["vcpu", "vCPU", "Processors of each VM"],
  ["memory_mb", "Memory, MiB", "Of each VM"],
  ["timeout_seconds", "Timeout, s", "For each call"],
] as const;

const scalingFields = [
  ["min_vms", "VMs at least", "Kept running"],
  ["max_vms", "VMs at most", "Under load"],
  ["max_concurrency", "Calls at once in a VM", "0 is no limit"],
  ["idle_timeout_seconds", "Idle for, s", "Then a VM is stopped"],
] as const;

type NumberField = (typeof sizeFields | typeof scalingFields)[number];

/** Size and timeout. */
export function SizeFields(props: SettingsProps): ReactNode {
  return <NumberFields fields={sizeFields} {...props} />;
}

/** How many VMs there may be, and for how long. */
export function ScalingFields(props: SettingsProps): ReactNode {
  return <NumberFields fields={scalingFields} {...props} />;
}

function NumberFields({
  fields,
  value,
  onChange,
  problems = {},
}: SettingsProps & { readonly fields: readonly NumberField[] }): ReactNode {
  return (
    <div className="field-grid">
      {fields.map(([name, label, hint]) => (
        <Field key={name} label={label} hint={hint} problem={problems[name]}>
          {(parts) => (
            <input
              {...parts}
              className="input"
              type="number"
              value={Number.isNaN(value[name]) ? "" : value[name]}
              onChange={({ target }) => onChange({ ...value, [name]: target.valueAsNumber })}
            />
          )}
        </Field>
      ))}
    </div>
  );
}

/** What is called in the code. */
export function HandlerField<T extends Pick<SettingsDraft, "handler">>({
  value,
  onChange,
  problems = {},
}: SettingsProps<T>): ReactNode {
  return (
    <Field label="Handler" hint="function, or module.function" problem={problems["handler"]}>
      {(parts) => (
        <input
          {...parts}
          className="input"
          value={value.handler}
          spellCheck={false}
          onChange={({ target }) => onChange({ ...value, handler: target.value })}
        />
      )}
    </Field>
  );
}

/** Environment variables. */
export function EnvFields<T extends Pick<SettingsDraft, "env">>({
  value,
  onChange,
  problems = {},
}: SettingsProps<T>): ReactNode {
  const { env } = value;
  const set = (next: SettingsDraft["env"]) => onChange({ ...value, env: next });
  const problem = envProblem(env) ?? problems["env"];
  return (
    <fieldset className="plain-fieldset">
      <legend>Environment</legend>
      {env.map(([name, text], index) => (
        <div key={index} className="env-row">
          <input
            className="input"
            aria-label={`Name of variable ${index + 1}`}
            placeholder="NAME"
            value={name}
            onChange={({ target }) => set(env.with(index, [target.value, text]))}
          />
          <input
            className="input"
            aria-label={`Value of variable ${index + 1}`}
            value={text}
            onChange={({ target }) => set(env.with(index, [name, target.value]))}
          />
          <Button
            variant="quiet"
            icon
            aria-label={`Remove variable ${index + 1}`}
            onClick={() => set(env.toSpliced(index, 1))}
          >
            <Trash2 size={15} aria-hidden />
          </Button>
        </div>
      ))}
      {problem !== undefined && <p className="problem">{problem}</p>}
      <div>
        <Button size="small" onClick={() => set([...env, ["", ""]])}>
          <Plus size={14} aria-hidden /> Add a variable
        </Button>
      </div>
    </fieldset>
  );
}

/** Where a function may connect to. */
export function EgressFields({ value, onChange, problems = {} }: SettingsProps): ReactNode {
  const { egress } = value;
  const kind = Array.isArray(egress) ? "list" : egress;
  const choose = (next: string) =>
    onChange({ ...value, egress: next === "list" ? [] : (next as "internet" | "none") });
  return (
    <div className="field-grid">
      <Field label="May connect to">
        {(parts) => (
          <select
            {...parts}
            className="input"
            value={kind}
            onChange={({ target }) => choose(target.value)}
          >
            <option value="internet">The Internet</option>
            <option value="none">Nothing</option>
            <option value="list">Only what is listed</option>
          </select>
        )}
      </Field>
      {Array.isArray(egress) && (
        <Field
          label="Destinations"
          hint="One a line: api.example.com:443, 10.0.0.0/8"
          problem={problems["egress"]}
        >
          {(parts) => (
            <textarea
              {...parts}
              className="input"
              rows={3}
              value={egress.join("\n")}
              onChange={({ target }) => onChange({ ...value, egress: target.value.split("\n") })}
            />
          )}
        </Field>
      )}
    </div>
  );
}

/** What the manager has against a field, from a message such as "Invalid memory_mb: found …". */
export function problemsOf(error: unknown): Readonly<Record<string, string>> {
  const message = error instanceof Error ? error.message : "";
  const names = ["name", "code", "env", "egress", ...Object.keys(newSettings)];
  const name = names.find((each) => new RegExp(`\\b${each}\\b`).test(message.split(":")[0] ?? ""));
  return name === undefined ? {} : { [name]: message };
}
