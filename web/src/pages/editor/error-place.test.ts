import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { placeOf } from "./error-place.ts";

describe("the place of a guest's error", () => {
  it("is found in what both runtimes say", () => {
    const places = [
      "SyntaxError: Unexpected token ';' (handler.js:2:11)",
      "SyntaxError: '{' was never closed (handler.py:12:3)",
      "TypeError: no\n    at handler (handler.ts:7:5)\n    at other (handler.ts:9:1)",
      'File "handler.py:4", in handler',
    ].map(placeOf);
    assert.deepEqual(places, [
      { line: 2, column: 11 },
      { line: 12, column: 3 },
      { line: 7, column: 5 },
      { line: 4, column: 1 },
    ]);
  });

  it("is none where none is named", () => {
    assert.equal(placeOf('Handler "handler" not found: handler.js has no function'), null);
  });
});
