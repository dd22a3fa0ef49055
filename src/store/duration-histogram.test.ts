import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import {
  decodeHistogram,
  encodeHistogram,
  histogramOf,
  mergeHistograms,
  percentile,
} from "./duration-histogram.ts";

const durationMs = fc.oneof(
  fc.double({ min: 0, max: 5, noNaN: true }),
  fc.double({ min: 0, max: 900_000, noNaN: true }),
  // Powers of two and their neighbours, in microseconds: where buckets change their width.
  fc
    .tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: -2, max: 2 }))
    .map(([power, beside]) => Math.max(0, 2 ** power + beside) / 1000),
);

describe("DurationHistogram", () => {
  it("gives back every duration to 0.05 %, or half a microsecond", () => {
    fc.assert(
      fc.property(durationMs, (ms) => {
        const found = percentile(histogramOf([ms]), 0.5) ?? Number.NaN;
        const allowed = Math.max(0.0005, ms * 0.0005) + 1e-9;
        assert.ok(Math.abs(found - ms) <= allowed, `${found} for ${ms}`);
      }),
      { numRuns: 5_000 },
    );
  });

  it("gives back microseconds up to 2 ms as they are", () => {
    assert.equal(percentile(histogramOf([1.234]), 0.5), 1.234);
    assert.equal(percentile(histogramOf([0]), 0.5), 0);
  });

  it("takes percentiles of the nearest rank, and none of nothing", () => {
    const histogram = histogramOf([0.004, 0.001, 0.003, 0.002]);
    const found = [0, 0.25, 0.26, 0.5, 0.99, 1].map((share) => percentile(histogram, share));
    assert.deepEqual(found, [0.001, 0.001, 0.002, 0.002, 0.004, 0.004]);
    assert.equal(percentile(histogramOf([]), 0.5), null);
  });

  it("is the same in parts that were stored and put together as in one", () => {
    fc.assert(
      fc.property(fc.array(fc.array(durationMs)), (parts) => {
        const stored = parts.map((part) => encodeHistogram(histogramOf(part)));
        assert.deepEqual(mergeHistograms(stored.map(decodeHistogram)), histogramOf(parts.flat()));
      }),
    );
  });

  it("counts beyond what 32 bits hold", () => {
    const many = { buckets: [7, 45_000], counts: [2 ** 40, 3] };
    assert.deepEqual(decodeHistogram(encodeHistogram(many)), many);
  });
});
