import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { formatIpv4, overlaps, parseIpv4, parseIpv4Block } from "./ipv4.ts";

describe("IPv4 addresses", () => {
  it("are numbers and back", () => {
    for (const text of ["0.0.0.0", "10.1.2.3", "198.18.255.254", "255.255.255.255"]) {
      assert.equal(formatIpv4(parseIpv4(text) ?? -1), text);
    }
  });

  it("are written in one way only", () => {
    for (const text of [
      "1.2.3",
      "1.2.3.4.5",
      "01.2.3.4",
      "1.2.3.256",
      "1.2.3.-4",
      "0x1.2.3.4",
      " 1.2.3.4",
    ]) {
      assert.equal(parseIpv4(text), undefined, text);
    }
  });
});

const block = (text: string) => parseIpv4Block(text) ?? assert.fail(text);

describe("blocks", () => {
  it("begin at their prefix", () => {
    assert.deepEqual(block("10.0.0.0/30"), { first: 0x0a000000, last: 0x0a000003 });
    assert.deepEqual(block("10.0.0.1"), block("10.0.0.1/32"));
    assert.equal(block("0.0.0.0/0").last, 2 ** 32 - 1);
    for (const text of ["10.0.0.1/30", "10.0.0.0/", "10.0.0.0/033", "10.0.0.0/8/8", "/8"]) {
      assert.equal(parseIpv4Block(text), undefined, text);
    }
  });

  it("overlap where they share an address", () => {
    assert.ok(overlaps(block("10.0.0.0/8"), block("10.9.0.0/16")));
    assert.ok(overlaps(block("10.9.0.0/16"), block("10.0.0.0/8")));
    assert.ok(!overlaps(block("10.0.0.0/9"), block("10.128.0.0/9")));
  });
});
