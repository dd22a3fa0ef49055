/** Something of a host that matters to VMs, as it was found. */
export interface HostCheck {
  /** What is looked at, for people: `KVM`. */
  readonly name: string;
  /** `bad` keeps VMs from running under KVM; `advice` makes them slower or less safe. */
  readonly state: "good" | "advice" | "bad";
  readonly found: string;
  /** Why it matters, a sentence. */
  readonly why: string;
  /** What sets it right, in this order; empty where that is for people to decide. */
  readonly steps: readonly SetupStep[];
  /** What people do where there are no steps. */
  readonly advice?: string;
}

/** One thing that is done to the host. */
export type SetupStep =
  | { readonly write: string; readonly text: string }
  | { readonly run: readonly [string, ...string[]] }
  | { readonly install: Release };

/** Programs as their own project releases them: a gzipped tar archive. */
export interface Release {
  /** `Firecracker 1.16.1` */
  readonly name: string;
  /** The archive: an address, or the path of a file. */
  readonly archive: string;
  /** Of the archive, in hex. */
  readonly sha256: string;
  /** Where the programs go, absolute: the path of each in the archive. */
  readonly programs: Readonly<Record<string, string>>;
}

/** The step as a person would type it, or do it. */
export function describeStep(step: SetupStep): string {
  if ("run" in step) return step.run.join(" ");
  if ("install" in step) {
    const { name, archive, sha256, programs } = step.install;
    const places = Object.keys(programs).join(", ");
    return `install ${name} as ${places} from ${archive} (SHA-256 ${sha256})`;
  }
  const lines = step.text.trimEnd().split("\n");
  return lines.length === 1 ? `echo "${lines[0]}" >${step.write}` : `write ${step.write}`;
}

/** What a host shows of itself. */
export interface HostView {
  /** A file's text without white space around it; null where it cannot be read. */
  read(path: string): Promise<string | null>;
  /** The names in a folder; none where it cannot be read. */
  list(path: string): Promise<readonly string[]>;
  exists(path: string): Promise<boolean>;
  /** What a program, by its path or its name on PATH, says to `--version`; null where it is not there. */
  versionOf(program: string): Promise<string | null>;
}
