import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";

import { jailerOf } from "../../src/drivers/firecracker/jail.ts";
import { findProgram } from "../../src/os/find-program.ts";
import { runNested, whyNoNestedHost } from "../support/nested-host.ts";
import { vmImages } from "../support/vm-images.ts";

const root = join(import.meta.dirname, "../..");
const program = findProgram(process.env["FIRELET_FIRECRACKER_BIN"] ?? "firecracker");
const jailer =
  program && (findProgram(process.env["FIRELET_JAILER_BIN"] ?? "") ?? (await jailerOf(program)));
const obstacle =
  program === null
    ? "no Firecracker here: FIRELET_FIRECRACKER_BIN names none, and there is none on PATH"
    : jailer === null
      ? "no jailer here: FIRELET_JAILER_BIN names none, and there is none beside Firecracker"
      : whyNoNestedHost();
const { skip } = await vmImages("node", "python");

/** The suites of a real Firecracker, each in a host of its own that has KVM. */
describe("Firecracker, where KVM works", { skip: obstacle ?? skip }, () => {
  for (const suite of ["jail", "driver", "clones"]) {
    it(`passes the suite ${suite}`, { timeout: 1_800_000 }, async (t) => {
      const { status, output } = await runNested({
        script: `
          cd ${root}
          export FIRELET_FIRECRACKER_BIN=${program} FIRELET_JAILER_BIN=${jailer}
          node --disable-warning=ExperimentalWarning --test --test-reporter=spec test/nested/${suite}.ts`,
        limitMs: 1_500_000,
        log: join(root, ".firelet/nested", `${suite}.log`),
      });
      t.diagnostic(/^ℹ pass \d+$/m.exec(output)?.[0] ?? "it did not come to its end");
      assert.equal(status, 0, output.slice(-20_000));
    });
  }
});
