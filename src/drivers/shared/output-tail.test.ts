import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { OutputTail, printable } from "./output-tail.ts";

describe("OutputTail", () => {
  it("sees a text that comes in pieces, and one that has gone by", async () => {
    const tail = new OutputTail();
    const seen = tail.seen("PROBE-OK");
    tail.push(Buffer.from("some PROB"));
    tail.push(Buffer.from("E-OK\n"));
    await seen;
    await tail.seen("some PROBE");
  });

  it("gives the last whole lines", () => {
    const tail = new OutputTail();
    for (let count = 0; count < 10_000; count += 1) tail.push(Buffer.from(`line ${count}\n`));
    assert.equal(tail.lastLines(25), "line 9998\nline 9999");
  });
});

describe("printable", () => {
  it("leaves out what would act on a terminal", () => {
    const bytes = Buffer.from("\u001b[31mred\u001b[0m \u001b]0;title\u0007a\bb\r\nc\td\u0000");
    assert.equal(printable(bytes), "red ab\nc\td");
  });

  it("replaces bytes that are no text", () => {
    assert.equal(printable(Buffer.from([0x61, 0xff, 0x62])), "a\ufffdb");
  });
});
