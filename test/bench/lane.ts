import type { Call } from "./connection.ts";
import type { Figures, Row, RunOptions } from "./results.ts";

/** What a lane goes by. */
export interface LaneOptions extends RunOptions {
  /** Aborts when the run is to end early. */
  readonly signal: AbortSignal;
}

/** A question to several subjects in the same run. */
export interface Lane {
  readonly name: string;
  run(options: LaneOptions): Promise<readonly Row[]>;
}

/** Something that is measured. */
export interface Subject {
  readonly name: string;
  stop(): Promise<void>;
}

/** A subject that runs the empty function behind HTTP. */
export interface Target extends Subject {
  readonly call: Call;
}

/** How a lane compares. */
export interface Comparison<S extends Subject> {
  readonly lane: string;
  readonly starts: readonly (() => Promise<S>)[];
  /** How many samples are taken of each. */
  readonly count: number;
  readonly sample: (subject: S) => Promise<Figures>;
}

/**
 * Starts the subjects, samples them in turns, so that whatever else the machine does hits all
 * alike, and stops them, however that ends. A row for each.
 */
export async function compare<S extends Subject>(
  { lane, starts, count, sample }: Comparison<S>,
  signal: AbortSignal,
): Promise<readonly Row[]> {
  await using running = new AsyncDisposableStack();
  const subjects: { subject: S; samples: Figures[] }[] = [];
  for (const start of starts) {
    signal.throwIfAborted();
    const subject = await start();
    running.defer(() => subject.stop());
    subjects.push({ subject, samples: [] });
  }
  for (let round = 0; round < count; round += 1) {
    for (const { subject, samples } of subjects) {
      signal.throwIfAborted();
      samples.push(await sample(subject));
    }
  }
  return subjects.map(({ subject, samples }) => ({
    lane,
    subject: subject.name,
    samples: samples.length,
    medians: mediansOf(samples),
  }));
}

function mediansOf(samples: readonly Figures[]): Figures {
  const names = Object.keys(samples[0] ?? {});
  const of = (name: string) => median(samples.map((figures) => figures[name] ?? Number.NaN));
  return Object.fromEntries(names.map((name) => [name, of(name)]));
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
