import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { VmFiguresItem } from "../../api.ts";
import { cpuOf, joinFrames, newestOf, rateOf } from "./figure-series.ts";

const frame = (second: number, guestIn: number | null, hostIn: number | null) =>
  ({
    timestamp: new Date(Date.UTC(2026, 0, 1) + second * 1_000).toISOString(),
    guest: guestIn === null ? null : { cpu_usage_percent: 5, network_in_bytes: guestIn },
    vmm: { cpu_usage_percent: 7, network_in_bytes: hostIn },
  }) as VmFiguresItem;

const at = (second: number) => frame(second, null, null);

const seconds = (frames: readonly VmFiguresItem[]) =>
  frames.map(({ timestamp }) => (Date.parse(timestamp) - Date.UTC(2026, 0, 1)) / 1_000);

describe("rateOf", () => {
  it("is what a counter grew in a second, for the guest and for the host", () => {
    const frames = [frame(0, 100, 200), frame(2, 300, 1_200), frame(3, 300, 1_200)];
    assert.deepEqual(rateOf(frames, "network_in_bytes"), {
      guest: [null, 100, 0],
      host: [null, 500, 0],
    });
  });

  it("says nothing where a counter is not known, or counts backwards", () => {
    const frames = [frame(0, null, null), frame(1, 10, null), frame(2, 5, null), frame(3, 6, null)];
    assert.deepEqual(rateOf(frames, "network_in_bytes"), {
      guest: [null, null, null, 1],
      host: [null, null, null, null],
    });
  });
});

describe("cpuOf", () => {
  it("has a gap where the guest was not asked", () => {
    const { guest, host } = cpuOf([frame(0, 1, 1), frame(1, null, 1)]);
    assert.deepEqual(
      [guest, host],
      [
        [5, null],
        [7, 7],
      ],
    );
    assert.deepEqual([newestOf(guest), newestOf([null])], [5, null]);
  });
});

describe("joinFrames", () => {
  it("has each frame once, also where they are read again", () => {
    const joined = joinFrames([at(0), at(1), at(2)], [at(1), at(2), at(3)]);
    assert.deepEqual(seconds(joined), [0, 1, 2, 3]);
  });

  it("keeps what it has when nothing comes, and nothing over 15 minutes", () => {
    assert.deepEqual(seconds(joinFrames([at(0)], [])), [0]);
    assert.deepEqual(seconds(joinFrames([at(0), at(1)], [at(901)])), [1, 901]);
  });
});
