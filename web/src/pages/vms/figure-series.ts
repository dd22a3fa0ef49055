import type { VmFiguresItem } from "../../api.ts";

/** How far back figures are shown, as the manager keeps them. */
const historyMs = 15 * 60_000;

/** Counters that only grow, which the guest and the host both keep. */
type Counter = "network_in_bytes" | "network_out_bytes" | "disk_read_bytes" | "disk_write_bytes";

/** Two accounts of the same figure, a value for each time; null where there is none. */
export interface Series {
  readonly guest: readonly (number | null)[];
  readonly host: readonly (number | null)[];
}

/** Frames that are known and those that came, the oldest first, each once, of the last 15 minutes. */
export function joinFrames(
  known: readonly VmFiguresItem[],
  come: readonly VmFiguresItem[],
): readonly VmFiguresItem[] {
  const [first] = come;
  const newest = come.at(-1);
  if (first === undefined || newest === undefined) return known;
  const oldest = Date.parse(newest.timestamp) - historyMs;
  return [...known.filter(({ timestamp }) => timestamp < first.timestamp), ...come].filter(
    ({ timestamp }) => Date.parse(timestamp) >= oldest,
  );
}

/** When each frame was, in seconds since 1970. */
export function timesOf(frames: readonly VmFiguresItem[]): number[] {
  return frames.map(({ timestamp }) => Date.parse(timestamp) / 1_000);
}

/** How busy the processors are, in percent. */
export function cpuOf(frames: readonly VmFiguresItem[]): Series {
  return {
    guest: frames.map(({ guest }) => guest?.cpu_usage_percent ?? null),
    host: frames.map(({ vmm }) => vmm.cpu_usage_percent),
  };
}

/** Memory in use, in bytes. */
export function memoryOf(frames: readonly VmFiguresItem[]): Series {
  return {
    guest: frames.map(({ guest }) => guest?.memory_used_bytes ?? null),
    host: frames.map(({ vmm }) => vmm.memory_bytes),
  };
}

/** Bytes a second, by what a counter grew since the frame before. */
export function rateOf(frames: readonly VmFiguresItem[], counter: Counter): Series {
  return {
    guest: ratesOf(frames, ({ guest }) => guest?.[counter] ?? null),
    host: ratesOf(frames, ({ vmm }) => vmm[counter]),
  };
}

function ratesOf(
  frames: readonly VmFiguresItem[],
  read: (frame: VmFiguresItem) => number | null,
): (number | null)[] {
  return frames.map((frame, index) => {
    const before = frames[index - 1];
    if (before === undefined) return null;
    const [from, to] = [read(before), read(frame)];
    const seconds = (Date.parse(frame.timestamp) - Date.parse(before.timestamp)) / 1_000;
    // A guest that counts backwards says nothing.
    if (from === null || to === null || to < from || seconds <= 0) return null;
    return (to - from) / seconds;
  });
}

/** Whether anything of it was ever known. */
export function isKnown(values: readonly (number | null)[]): boolean {
  return values.some((value) => value !== null);
}

/** The newest that is known; null where none is. */
export function newestOf(values: readonly (number | null)[]): number | null {
  return values.findLast((value) => value !== null) ?? null;
}
