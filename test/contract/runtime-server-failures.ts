import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { FailureCase } from "./runtime-cases.ts";
import type { SuiteContext } from "./runtime-server.ts";

/** Every way for a function to fail is a typed result of that invocation alone. */
export function failureCases(suite: SuiteContext): void {
  const all = { ...suite.cases.failures, ...suite.cases.furtherFailures };
  for (const [name, failure] of Object.entries(all)) {
    describe(`a function that ${name}`, () => {
      it("gets a typed error, and works the next time", () => failsAlone(suite, failure));
    });
  }

  it("shows the cause of an error in its stack", async () => {
    await suite.guest.deploy(suite.cases.failures.cause);
    const { stack } = await suite.guest.invoke();
    assert.match(stack, /Broken/);
    assert.match(stack, /Because/);
  });

  for (const name of ["exit", "exitHard", "unhandled", "recursion"] as const) {
    it(`lets the other invocations go on when one fails by "${name}"`, async () => {
      await suite.guest.deploy(suite.cases.programs.sleep);
      const other = suite.guest.ask({ ms: 250 * suite.slowFactor });
      // On another connection, the new code may overtake it.
      await suite.guest.untilInFlight(1);
      await suite.guest.deploy(suite.cases.failures[name]);
      const replies = await Promise.all([
        suite.guest.invoke(),
        suite.guest.invoke("fine"),
        suite.guest.invoke(),
      ]);
      assert.deepEqual(
        replies.map(({ status }) => status),
        ["error", "success", "error"],
      );
      assert.equal(await other, "slept");
    });
  }
}

async function failsAlone(suite: SuiteContext, expected: FailureCase): Promise<void> {
  const revision = await suite.guest.deploy(expected);
  const reply = await suite.guest.invoke({ please: "fail" });
  assert.equal(reply.status, "error", JSON.stringify(reply));
  assert.equal(reply.response, null);
  assert.equal(reply.revision, revision);
  assert.equal(reply.error_type, expected.type, JSON.stringify(reply));
  if (typeof expected.message === "string") assert.equal(reply.error, expected.message);
  else assert.match(reply.error, expected.message);
  assert.ok(Array.isArray(reply.logs));
  checkStack(suite, expected, reply.stack);
  assert.equal(await suite.guest.ask("fine"), "fine");
}

function checkStack(suite: SuiteContext, { lines }: FailureCase, stack: string | null): void {
  if (lines === null) {
    assert.equal(stack, null);
    return;
  }
  assert.equal(typeof stack, "string");
  const shown = suite.cases.stackLines(String(stack));
  assert.deepEqual(shown.slice(0, lines.length), lines, String(stack));
  assert.doesNotMatch(String(stack), suite.cases.foreignFrame);
}
