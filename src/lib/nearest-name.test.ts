import assert from "node:assert/strict";
import { test } from "node:test";
import { nearestName } from "./nearest-name.ts";

test("nearestName finds the name that was meant", () => {
  assert.equal(nearestName("prot", ["host", "port", "driver"]), "port");
  assert.equal(nearestName("drivr", ["host", "port", "driver"]), "driver");
  assert.equal(nearestName("datadir", ["dataDir", "driver"]), "dataDir");
});

test("nearestName keeps quiet when nothing is close", () => {
  assert.equal(nearestName("banana", ["host", "port", "driver"]), null);
});
