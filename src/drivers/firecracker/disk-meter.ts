import type { Readable } from "node:stream";

import type { VmmUse } from "../../ports/vm-driver.ts";

type DiskUse = NonNullable<VmmUse["disk"]>;

/** A report is some 12 KiB long; a Firecracker that a guest has taken over may never end it. */
const maxReportBytes = 256 * 1024;

/**
 * Adds up what a Firecracker reports of its guest's disk: a line of JSON each time, with what came
 * since the line before. `BlockDeviceMetrics` of Firecracker's sources.
 */
export class DiskMeter {
  #use: DiskUse = { readBytes: 0, writtenBytes: 0 };
  #waiting: PromiseWithResolvers<DiskUse> | undefined;
  #rest = "";

  constructor(reports: Readable) {
    reports.setEncoding("utf8").on("data", (text: string) => {
      const lines = (this.#rest + text).split("\n");
      this.#rest = lines.pop() ?? "";
      try {
        if (this.#rest.length > maxReportBytes) throw new Error("a report that does not end");
        for (const line of lines) this.#add(line);
      } catch {
        // What it says is worth nothing any more.
        reports.destroy();
      }
    });
  }

  /** Resolves to all there was, when the next report has come. */
  next(): Promise<DiskUse> {
    this.#waiting ??= Promise.withResolvers();
    return this.#waiting.promise;
  }

  #add(line: string): void {
    const { block } = JSON.parse(line) as Report;
    this.#use = {
      readBytes: this.#use.readBytes + wholeNumber(block.read_bytes),
      writtenBytes: this.#use.writtenBytes + wholeNumber(block.write_bytes),
    };
    this.#waiting?.resolve(this.#use);
    this.#waiting = undefined;
  }
}

/** As much of a report as is used: all disks together. */
interface Report {
  readonly block: { readonly read_bytes: number; readonly write_bytes: number };
}

function wholeNumber(bytes: number): number {
  if (Number.isSafeInteger(bytes) && bytes >= 0) return bytes;
  throw new Error(`${String(bytes)} bytes`);
}
