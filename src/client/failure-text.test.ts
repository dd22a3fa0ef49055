import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { failureText } from "./failure-text.ts";

describe("failureText", () => {
  it("says once what was thrown, and where", () => {
    const node = "TypeError: no\nluck\n    at handler (handler.js:4:25)\n";
    const thrown = { error: "no\nluck", error_type: "TypeError" };
    assert.equal(failureText({ ...thrown, stack: node }), node.trimEnd());
    const python = 'Traceback:\n  File "handler.py", line 2\nTypeError: no\nluck\n';
    assert.equal(failureText({ ...thrown, stack: python }), python.trimEnd());
    assert.equal(failureText({ ...thrown, stack: "at x:1" }), "TypeError: no\nluck\nat x:1");
  });

  it("makes do with what is known, and has nothing to say of a success", () => {
    assert.equal(failureText({ error: "boom", error_type: null, stack: null }), "Error: boom");
    assert.equal(failureText({ error: "boom", error_type: "A" }), "A: boom");
    assert.equal(failureText({ error: null, error_type: null, stack: null }), null);
    assert.equal(failureText({}), null);
  });
});
