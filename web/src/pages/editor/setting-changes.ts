import type { RevisionItem } from "../../api.ts";

/** What of a revision is beside its code; what is left out is as it was. */
export type RevisionSettings = Pick<RevisionItem, "handler" | "env"> &
  Partial<Pick<RevisionItem, "vcpu" | "memory_mb">>;

/** One setting that is another; null where it is not set. */
export interface SettingChange {
  readonly name: string;
  readonly before: string | null;
  readonly after: string | null;
}

/** What is different beside the code, in the order of the settings. */
export function settingChanges(before: RevisionSettings, after: RevisionSettings): SettingChange[] {
  const names = new Set([...Object.keys(before.env), ...Object.keys(after.env)]);
  const all: SettingChange[] = [
    { name: "Handler", before: before.handler, after: after.handler },
    { name: "vCPU", before: text(before.vcpu), after: text(after.vcpu ?? before.vcpu) },
    {
      name: "Memory, MiB",
      before: text(before.memory_mb),
      after: text(after.memory_mb ?? before.memory_mb),
    },
    ...[...names].toSorted().map((name) => ({
      name,
      before: before.env[name] ?? null,
      after: after.env[name] ?? null,
    })),
  ];
  return all.filter((change) => change.before !== change.after);
}

function text(value: number | undefined): string | null {
  return value === undefined ? null : String(value);
}
