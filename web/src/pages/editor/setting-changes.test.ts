import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settingChanges } from "./setting-changes.ts";

const before = { handler: "handler", env: { A: "1", B: "2" }, vcpu: 1, memory_mb: 256 };

describe("what is different beside the code", () => {
  it("is nothing where nothing is", () => {
    assert.deepEqual(settingChanges(before, { ...before, env: { B: "2", A: "1" } }), []);
  });

  it("names what is added, removed and another", () => {
    const after = { handler: "main", env: { B: "3", C: "" }, vcpu: 2, memory_mb: 256 };
    assert.deepEqual(settingChanges(before, after), [
      { name: "Handler", before: "handler", after: "main" },
      { name: "vCPU", before: "1", after: "2" },
      { name: "A", before: "1", after: null },
      { name: "B", before: "2", after: "3" },
      { name: "C", before: null, after: "" },
    ]);
  });

  it("takes what is left out as it was", () => {
    assert.deepEqual(settingChanges(before, { handler: "handler", env: before.env }), []);
  });
});
