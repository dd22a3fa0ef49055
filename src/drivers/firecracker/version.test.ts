import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { isBefore } from "../../lib/version-order.ts";
import { faultsOf, oldest, parseVersion } from "./version.ts";

describe("versions of Firecracker", () => {
  it("are read from what the program says of itself", () => {
    assert.deepEqual(parseVersion("Firecracker v1.16.1\n\n2026-11-23 exiting"), [1, 16, 1]);
    assert.deepEqual(parseVersion("Firecracker v1.17.0-dev\n"), [1, 17, 0]);
    for (const text of ["", "Firecracker 1.16.1", "QEMU emulator version 7.2.22"]) {
      assert.throws(() => parseVersion(text), /does not say which version/);
    }
  });

  it("are compared number by number", () => {
    assert.ok(isBefore([1, 11, 9], oldest));
    assert.ok(!isBefore([1, 12, 0], oldest));
    assert.ok(!isBefore([2, 0, 0], oldest));
    assert.ok(isBefore([1, 9, 0], [1, 16, 0]));
  });

  it("have a warning each that is known to be faulty", () => {
    assert.deepEqual(faultsOf([1, 16, 1]), []);
    assert.match(faultsOf([1, 16, 0]).join(), /^Firecracker 1\.16\.0: .*vsock.*1\.16\.1/);
    assert.equal(faultsOf([1, 12, 0]).length, 2);
  });
});
