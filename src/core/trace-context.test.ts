import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseTraceparent, readTraceContext } from "./trace-context.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const parentId = "00f067aa0ba902b7";

describe("parseTraceparent", () => {
  it("reads trace, caller and whether it is sampled", () => {
    const valid = { traceId, parentId };
    assert.deepEqual(parseTraceparent(`00-${traceId}-${parentId}-01`), { ...valid, sampled: true });
    const unsampled = parseTraceparent(`00-${traceId}-${parentId}-00`);
    assert.deepEqual(unsampled, { ...valid, sampled: false });
    const otherFlags = parseTraceparent(`00-${traceId}-${parentId}-fe`);
    assert.deepEqual(otherFlags, { ...valid, sampled: false });
  });

  it("reads what it knows of a later version", () => {
    for (const text of [`cc-${traceId}-${parentId}-01`, `01-${traceId}-${parentId}-01-what-else`]) {
      assert.equal(parseTraceparent(text)?.parentId, parentId, text);
    }
  });

  const invalid = {
    "no text at all": "",
    "a version that is forbidden": `ff-${traceId}-${parentId}-01`,
    "more than version 0 has": `00-${traceId}-${parentId}-01-more`,
    "more without a dash": `01-${traceId}-${parentId}-01more`,
    "a trace id of zeros": `00-${"0".repeat(32)}-${parentId}-01`,
    "a parent id of zeros": `00-${traceId}-${"0".repeat(16)}-01`,
    "capital letters": `00-${traceId.toUpperCase()}-${parentId}-01`,
    "a short trace id": `00-${traceId.slice(1)}-${parentId}-01`,
    "a long parent id": `00-${traceId}-${parentId}0-01`,
    "no flags": `00-${traceId}-${parentId}`,
    "flags that are none": `00-${traceId}-${parentId}-0x`,
    "two headers in one": `00-${traceId}-${parentId}-01, 00-${traceId}-${parentId}-01`,
    "a line break": `00-${traceId}-${parentId}-01\n`,
  };
  for (const [what, text] of Object.entries(invalid)) {
    it(`refuses ${what}`, () => assert.equal(parseTraceparent(text), undefined));
  }
});

describe("readTraceContext", () => {
  it("passes valid headers on as they came", () => {
    const traceparent = `00-${traceId}-${parentId}-03`;
    const context = readTraceContext(traceparent, "vendor=1,other=x");
    assert.deepEqual(context, { traceparent, tracestate: "vendor=1,other=x" });
  });

  it("looks at no tracestate where there is no valid traceparent", () => {
    assert.equal(readTraceContext(undefined, "vendor=1"), undefined);
    assert.equal(readTraceContext("broken", "vendor=1"), undefined);
  });
});
