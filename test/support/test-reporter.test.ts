import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const reporter = join(import.meta.dirname, "test-reporter.ts");

/** Runs a test file in a process of its own and under this reporter. */
async function report(source: string): Promise<{ code: number | null; output: string }> {
  const folder = await mkdtemp(join(tmpdir(), "firelet-reporter-"));
  const file = join(folder, "x.test.mjs");
  await writeFile(file, `import { test } from "node:test";\n${source}\n`);
  // The runner that runs this test marks its children, and does not start runners inside them.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const run = Promise.withResolvers<{ code: number | null; output: string }>();
  const args = ["--test", `--test-reporter=${reporter}`, file];
  const child = execFile(process.execPath, args, { env }, (_error, output) =>
    run.resolve({ code: child.exitCode, output }),
  );
  const result = await run.promise;
  await rm(folder, { recursive: true });
  return result;
}

test("skipped tests are listed with their reasons, right before the summary", async () => {
  const { code, output } = await report(`
    test("passes", () => {});
    test("needs KVM", { skip: "no KVM here" }, () => {});
    test("decides late", (t) => t.skip("not today"));
  `);
  assert.equal(code, 0);
  assert.match(
    output,
    /Skipped:\n﹣ needs KVM: no KVM here\n﹣ decides late: not today\nℹ tests 3\n/,
  );
});

test("failures stay failures, and nothing is said of skips where there are none", async () => {
  const { code, output } = await report(`test("fails", () => { throw new Error("boom"); });`);
  assert.equal(code, 1);
  assert.match(output, /failing tests:[^]*boom/);
  assert.doesNotMatch(output, /Skipped:/);
});
