import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, test } from "node:test";
import { escapeControls, Output } from "./output.ts";

/** An output whose streams can be read; standard error is a terminal where `terminal` says so. */
function createOutput({ json = false, terminal = false } = {}) {
  const stdout = new PassThrough({ encoding: "utf8" });
  const stderr = Object.assign(new PassThrough({ encoding: "utf8" }), { isTTY: terminal });
  const out = new Output({ json, stdout, stderr });
  const said = () => [stdout.read() ?? "", stderr.read() ?? ""].map(String);
  return { out, said };
}

describe("Output", () => {
  test("writes a result for people, or as JSON", () => {
    const people = createOutput();
    people.out.result({ a: 1 }, () => "a is 1");
    assert.deepEqual(people.said(), ["a is 1\n", ""]);
    const machine = createOutput({ json: true });
    machine.out.result({ a: 1 }, () => "a is 1");
    assert.deepEqual(JSON.parse(machine.said()[0]!), { a: 1 });
  });

  test("changes one status line on a terminal, and removes it before anything else", () => {
    const { out, said } = createOutput({ terminal: true });
    out.status("booting", " (1 s)");
    out.status("booting", " (2 s)");
    out.result(null, () => "done");
    const [stdout, stderr] = said();
    assert.equal(stdout, "done\n");
    assert.equal(stderr!.split("\n").length, 1);
    assert.ok(stderr!.endsWith("\r\u001b[K"));
  });

  test("writes a line for each new status elsewhere", () => {
    const { out, said } = createOutput();
    out.status("booting", " (1 s)");
    out.status("booting", " (2 s)");
    out.status("deploying");
    assert.deepEqual(said(), ["", "booting\ndeploying\n"]);
  });

  test("shows a guest's control characters on a terminal and passes them on elsewhere", () => {
    const hostile = "a\u001b]0;title\u0007\r\u009bb\n\tc";
    assert.equal(
      createOutput({ terminal: true }).out.guestText(hostile),
      "a\\x1b]0;title\\x07\\x0d\\x9bb\n\tc",
    );
    assert.equal(createOutput().out.guestText(hostile), hostile);
  });

  test("colours nothing where there is no terminal", () => {
    assert.equal(createOutput().out.paintResult("red", "x"), "x");
  });
});

test("escapeControls leaves other writing systems alone", () => {
  assert.equal(escapeControls("grüße 你好 🎉"), "grüße 你好 🎉");
});
