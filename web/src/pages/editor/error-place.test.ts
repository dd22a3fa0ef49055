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
      'Traceback (most recent call last):\n  File "handler.py", line 6, in <module>',
    ].map(placeOf);
    assert.deepEqual(places, [
      { line: 2, column: 11 },
      { line: 12, column: 3 },
      { line: 7, column: 5 },
      { line: 4, column: 1 },
      { line: 6, column: 1 },
    ]);
  });

  it("is found in a file of any module", () => {
    const places = [
      "Error: at load (app.js:2:7)",
      "SyntaxError: invalid syntax (my_app.py:2:10)",
      "SyntaxError: Unexpected token ';' (my-app.mjs:1:9)",
      "Error: at load (/srv/function/app.cts:3:1)",
    ].map(placeOf);
    assert.deepEqual(
      places.map((place) => place?.line),
      [2, 2, 1, 3],
    );
  });

  it("is where the guest says, not where the error's own words say", () => {
    const error = "ValueError: see (b.py:9) and handler.py:8 (handler.py:3:1)";
    assert.deepEqual(placeOf(error), { line: 3, column: 1 });
  });

  it("is not in the runtime's own files", () => {
    const stack = "Error: no\n    at load (/opt/firelet/server.mjs:812:3)\n    at app.js:4:2";
    assert.deepEqual(placeOf(stack), { line: 4, column: 2 });
    assert.equal(placeOf("Error: no\n    at node:internal/modules/cjs/loader:1208:14"), null);
  });

  it("is none where none is named", () => {
    assert.equal(placeOf('Handler "handler" not found: handler.js has no function'), null);
    assert.equal(placeOf("It took longer than 10:30 (too long)"), null);
  });
});
