import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { ProtocolError } from "./frames.ts";
import { parseGuestUse } from "./guest-figures.ts";

const files = {
  "/proc/stat": `cpu  100 20 30 4000 500 6 7 80 9 10
cpu0 100 20 30 4000 500 6 7 80 9 10
intr 12345 0 0
`,
  "/proc/meminfo": `MemTotal:         200000 kB
MemFree:           50000 kB
MemAvailable:     150000 kB
`,
  "/proc/diskstats": `   1       0 ram0 1 1 1 1 1 1 1 1 0 1 1
 254       0 vda 900 10 7000 50 3 2 16 4 0 60 70 0 0 0 0
 254       1 vda1 800 10 6000 50 3 2 16 4 0 60 70 0 0 0 0
`,
  "/proc/net/dev": `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    9999      10    0    0    0     0          0         0     9999      10    0    0    0     0       0          0
  eth0: 1000 20    0    0    0     0          0         0     300      4    0    0    0     0       0          0
eth1:5 1    0    0    0     0          0         0     6      1    0    0    0     0       0          0
`,
  "/proc/77/status": "Name:\tnode\nVmPeak:\t  900000 kB\nVmHWM:\t   60000 kB\n",
};

/** What an agent sends, with files that are changed, or left out where they are null. */
function figures(changed: Readonly<Record<string, string | null>> = {}): string {
  return Object.entries({ ...files, ...changed })
    .map(([path, text]) => (text === null ? "" : `== ${path}\n${text}`))
    .join("");
}

describe("parseGuestUse", () => {
  it("adds up what is in the files, and leaves out what is no use of the guest", () => {
    assert.deepEqual(parseGuestUse(figures()), {
      cpu: { busyMs: 1630, totalMs: 47_430 },
      memory: { totalBytes: 204_800_000, usedBytes: 51_200_000, peakBytes: 61_440_000 },
      network: { receivedBytes: 1005, sentBytes: 306 },
      disk: { readBytes: 3_584_000, writtenBytes: 8192 },
    });
  });

  it("takes a guest without a disk, a card or a server for one that uses none", () => {
    const { memory, network, disk } = parseGuestUse(
      figures({ "/proc/diskstats": null, "/proc/net/dev": null, "/proc/77/status": null }),
    );
    assert.equal(memory.peakBytes, 0);
    assert.deepEqual(network, { receivedBytes: 0, sentBytes: 0 });
    assert.deepEqual(disk, { readBytes: 0, writtenBytes: 0 });
  });

  const refused: Readonly<Record<string, Readonly<Record<string, string | null>>>> = {
    "no processor time": { "/proc/stat": null },
    "too few kinds of processor time": { "/proc/stat": "cpu  1 2 3\n" },
    "processor time that is no number": { "/proc/stat": "cpu  1 2 3 4 5 6 7 -8\n" },
    "processor time beyond all measure": { "/proc/stat": "cpu  9007199254740993 0 0 0 0 0 0 0\n" },
    "processor time that adds up to it": { "/proc/stat": "cpu  9007199254740 0 0 9e15 0 0 0 0\n" },
    "no memory": { "/proc/meminfo": null },
    "more memory available than there is": {
      "/proc/meminfo": "MemTotal: 1 kB\nMemAvailable: 2 kB\n",
    },
    "a card with too few counters": { "/proc/net/dev": "eth0: 1 2 3\n" },
    "a card with words for counters": { "/proc/net/dev": "eth0: a b c d e f g h i\n" },
    "cards that add up beyond all measure": {
      "/proc/net/dev": "a: 9007199254740991 0 0 0 0 0 0 0 0\nb: 1 0 0 0 0 0 0 0 0\n",
    },
    "a disk with too few counters": { "/proc/diskstats": " 254 0 vda 1 2 3\n" },
    "a disk beyond all measure": { "/proc/diskstats": " 254 0 vda 1 2 9007199254740991 1 1 1 1\n" },
  };
  for (const [name, changed] of Object.entries(refused)) {
    it(`refuses ${name}`, () => {
      assert.throws(() => parseGuestUse(figures(changed)), ProtocolError);
    });
  }

  it("makes of any text numbers from 0 on, or refuses it", () => {
    const line = fc.oneof(
      fc.constantFrom(...figures().split("\n")),
      fc.string({ maxLength: 30 }),
      fc.constantFrom("cpu  0 0 0 0 0 0 0 0", "eth0:", "== /proc/net/dev", "MemTotal: 9 kB"),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 40 }), (lines) => {
        try {
          const { cpu, memory, network, disk } = parseGuestUse(lines.join("\n"));
          for (const part of [cpu, memory, network, disk]) {
            for (const value of Object.values(part)) {
              assert.ok(Number.isSafeInteger(value) && value >= 0, String(value));
            }
          }
        } catch (error) {
          assert.ok(error instanceof ProtocolError, String(error));
        }
      }),
    );
  });
});
