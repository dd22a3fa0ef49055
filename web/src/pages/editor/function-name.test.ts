import assert from "node:assert/strict";
import { describe, it } from "node:test";
// oxlint-disable-next-line no-restricted-imports -- this compares with the contract itself
import { CreateFunctionRequest } from "../../../../src/api/functions.ts";
import { freeName, nameProblem } from "./function-name.ts";

const none = new Set<string>();

describe("the name of a new function", () => {
  it("is what the contract lets it be", () => {
    const { pattern } = CreateFunctionRequest.properties.name as { pattern?: string };
    const names = ["", "a", "a-1", "1a", "-a", "Hello", "a b", "a_b", "ä"];
    for (const name of [...names, "a".repeat(63), "a".repeat(64)]) {
      const fits = new RegExp(pattern ?? "$^").test(name);
      assert.equal(nameProblem(name, none) === null, fits, name);
    }
  });

  it("is nobody else's, and one that is free is offered", () => {
    const taken = new Set(["hello", "hello-2"]);
    assert.equal(nameProblem("hello", taken), "There is a hello already; hello-3 is free");
    assert.equal(nameProblem("hello-3", taken), null);
  });

  it("stays short enough with a number behind it", () => {
    const long = "a".repeat(63);
    const free = freeName(long, new Set([long]));
    assert.equal(free, `${"a".repeat(61)}-2`);
    assert.equal(nameProblem(free, none), null);
  });
});
