import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { findMissingTools, installCommand, parseStatus, whyNotInstall } from "./system-packages.ts";

const folder = mkdtempSync(join(tmpdir(), "firelet-tools-"));
after(() => rmSync(folder, { recursive: true }));

function tool(command: string) {
  return { command, package: `${command}-package`, why: "a test" };
}

describe("findMissingTools", () => {
  test("finds the tools that are nowhere on the path", () => {
    writeFileSync(join(folder, "here"), "", { mode: 0o755 });
    const missing = findMissingTools([tool("here"), tool("not-here")], `/nowhere:${folder}`);
    assert.deepEqual(missing, [tool("not-here")]);
  });

  test("counts a file that cannot be run as missing", () => {
    writeFileSync(join(folder, "text"), "", { mode: 0o644 });
    assert.equal(findMissingTools([tool("text")], folder).length, 1);
  });
});

test("whyNotInstall knows a machine without apt-get", () => {
  assert.equal(whyNotInstall("/nowhere"), "this machine has no apt-get");
});

test("installCommand is what a person types", () => {
  assert.equal(
    installCommand(["qemu-system-x86", "squashfs-tools"]),
    "apt-get install --no-install-recommends qemu-system-x86 squashfs-tools",
  );
});

describe("parseStatus reads apt-get's status lines", () => {
  for (const [line, doing, percent] of [
    ["dlstatus:1:33.4:Retrieving file 1 of 3", "Retrieving file 1 of 3", 33],
    ["pmstatus:qemu-system-x86:45.0000:Unpacking qemu (amd64)", "Unpacking qemu (amd64)", 45],
    ["pmstatus:libc6:amd64:80.5:Configuring libc6:amd64", "Configuring libc6:amd64", 81],
  ] as const) {
    test(line, () => assert.deepEqual(parseStatus(line), { doing, percent }));
  }

  test("and passes over others", () => {
    assert.equal(parseStatus("pmconffile:/etc/x:10:old new 1 1"), null);
    assert.equal(parseStatus("media-change: x"), null);
  });
});
