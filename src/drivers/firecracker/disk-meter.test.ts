import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, it } from "node:test";

import { DiskMeter } from "./disk-meter.ts";

const report = (read: unknown, written: unknown = 0) =>
  `${JSON.stringify({ utc_timestamp_ms: 1, block: { read_bytes: read, write_bytes: written }, net: {} })}\n`;

describe("DiskMeter", () => {
  it("adds up reports, however they are cut", async () => {
    const reports = new PassThrough();
    const meter = new DiskMeter(reports);
    const first = meter.next();
    const text = report(4_096) + report(512, 10);
    reports.write(text.slice(0, 20));
    reports.write(text.slice(20, 100));
    reports.write(text.slice(100));
    assert.deepEqual(await first, { readBytes: 4_096, writtenBytes: 0 });
    const next = meter.next();
    reports.write(report(1));
    assert.deepEqual(await next, { readBytes: 4_609, writtenBytes: 10 });
  });

  it("believes nothing more after a report that makes no sense, or does not end", () => {
    for (const text of ["no JSON\n", "{}\n", report(-1), report("1"), "x".repeat(300_000)]) {
      const reports = new PassThrough();
      const meter = new DiskMeter(reports);
      void meter.next();
      reports.emit("data", text);
      assert.ok(reports.destroyed, text.slice(0, 40));
    }
  });
});
