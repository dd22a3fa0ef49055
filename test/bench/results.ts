/** What a run of the bench found, as `--json` writes it. */
export interface Results {
  /** When the run ended, RFC 3339. */
  readonly date: string;
  readonly machine: Machine;
  readonly options: RunOptions;
  readonly rows: readonly Row[];
}

/** What the flags of the bench say. */
export interface RunOptions {
  /** Rounds of a lane whose samples are long, such as seconds of load. */
  readonly rounds: number;
  /** How long such a sample is. */
  readonly seconds: number;
  /** Samples of a lane whose samples are short, such as one start. */
  readonly samples: number;
  /** Also what takes minutes where QEMU emulates. */
  readonly full: boolean;
}

/** What the figures depend on. */
export interface Machine {
  readonly cpus: number;
  readonly processor: string;
  readonly memory_gib: number;
  readonly kernel: string;
  readonly node: string;
  /** Its name and version, such as `QEMU 7.2.22`. */
  readonly qemu: string | null;
  /** Of QEMU: `kvm`, or `tcg` where it emulates. */
  readonly accelerator: string | null;
}

/** One subject of a lane. */
export interface Row {
  readonly lane: string;
  readonly subject: string;
  /** How many samples each median is of. */
  readonly samples: number;
  readonly medians: Figures;
}

/** By a name whose end says the unit: `_ms`, `_mib`, or none for a count. */
export type Figures = Readonly<Record<string, number>>;

/** A figure as a reader wants it: three digits that count, and its unit. */
export function readable(name: string, value: number): string {
  const digits = { maximumSignificantDigits: 3, minimumSignificantDigits: 2 };
  const isWhole = value >= 100 || Number.isInteger(value);
  const number = isWhole
    ? Math.round(value).toLocaleString("en")
    : value.toLocaleString("en", digits);
  const unit = /_(ms|mib)$/.exec(name)?.[1];
  return unit === undefined ? number : `${number} ${unit === "mib" ? "MiB" : unit}`;
}
