/**
 * How often durations of about the same length occurred, in buckets as HdrHistogram
 * (http://hdrhistogram.org) has them: 1024 for each power of two, of whole microseconds. What is
 * read back is right to 0.05 %, or to half a microsecond where that is more. Sorted by bucket.
 */
export interface DurationHistogram {
  readonly buckets: readonly number[];
  /** How many durations are in the bucket at the same place. */
  readonly counts: readonly number[];
}

/** Of a power of two, of which 1024 is the tenth: a bucket below holds one microsecond alone. */
const bucketsOfPower = 1024;

/** The histogram of some durations, in milliseconds. */
export function histogramOf(durationsMs: readonly number[]): DurationHistogram {
  const buckets: number[] = [];
  const counts: number[] = [];
  for (const bucket of durationsMs.map(bucketOf).toSorted((a, b) => a - b)) {
    if (bucket === buckets.at(-1)) counts[counts.length - 1]! += 1;
    else {
      buckets.push(bucket);
      counts.push(1);
    }
  }
  return { buckets, counts };
}

/** The histogram of the durations of all of them. */
export function mergeHistograms(histograms: readonly DurationHistogram[]): DurationHistogram {
  if (histograms.length === 1) return histograms[0]!;
  const last = Math.max(-1, ...histograms.map(({ buckets }) => buckets.at(-1) ?? -1));
  const sums = new Float64Array(last + 1);
  // By index: iterators take ten times as long, and a week has a million buckets.
  for (const { buckets, counts } of histograms) {
    for (let index = 0; index < buckets.length; index += 1)
      sums[buckets[index]!]! += counts[index]!;
  }
  const buckets: number[] = [];
  const counts: number[] = [];
  for (let bucket = 0; bucket <= last; bucket += 1) {
    if (sums[bucket] === 0) continue;
    buckets.push(bucket);
    counts.push(sums[bucket]!);
  }
  return { buckets, counts };
}

/**
 * The least duration, in milliseconds, that `share` (0 to 1) of all do not exceed: the nearest
 * rank. Null where there are none.
 */
export function percentile({ buckets, counts }: DurationHistogram, share: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const rank = Math.max(1, Math.ceil(share * total));
  let seen = 0;
  const index = counts.findIndex((count) => (seen += count) >= rank);
  return index === -1 ? null : middleOf(buckets[index]!) / 1000;
}

/** For the disk: of each bucket its distance from the one before and its count, as LEB128. */
export function encodeHistogram({ buckets, counts }: DurationHistogram): Uint8Array {
  const bytes = new Uint8Array(buckets.length * 2 * longestNumber);
  let end = 0;
  let before = 0;
  for (let index = 0; index < buckets.length; index += 1) {
    end = putNumber(bytes, end, buckets[index]! - before);
    end = putNumber(bytes, end, counts[index]!);
    before = buckets[index]!;
  }
  return bytes.slice(0, end);
}

/** Of 53 bits, in bytes of seven. */
const longestNumber = 8;

/** Returns where the next number goes. */
function putNumber(bytes: Uint8Array, at: number, value: number): number {
  let end = at;
  let rest = value;
  while (rest >= 0x80) {
    bytes[end++] = (rest % 0x80) + 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[end++] = rest;
  return end;
}

export function decodeHistogram(bytes: Uint8Array): DurationHistogram {
  const buckets: number[] = [];
  const counts: number[] = [];
  let bucket = 0;
  let value = 0;
  let place = 1;
  let isCount = false;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index]!;
    value += (byte % 0x80) * place;
    place *= 0x80;
    if (byte >= 0x80) continue;
    if (isCount) counts.push(value);
    else buckets.push((bucket += value));
    isCount = !isCount;
    value = 0;
    place = 1;
  }
  return { buckets, counts };
}

function bucketOf(durationMs: number): number {
  const rounded = Math.max(0, Math.round(durationMs * 1000));
  if (rounded < 2 * bucketsOfPower) return rounded;
  // Not rounded twice, which would take more than half of a bucket.
  const us = Math.max(2 * bucketsOfPower, durationMs * 1000);
  // Exact, where Math.log2 may come out above a power of two that a number is just below.
  let power = Math.floor(Math.log2(us));
  if (2 ** power > us) power -= 1;
  return (power - 10) * bucketsOfPower + Math.floor(us / 2 ** (power - 10));
}

/** The microseconds in the middle of a bucket. */
function middleOf(bucket: number): number {
  if (bucket < 2 * bucketsOfPower) return bucket;
  const width = 2 ** (Math.floor(bucket / bucketsOfPower) - 1);
  return (bucketsOfPower + (bucket % bucketsOfPower)) * width + width / 2;
}
