import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { errorTable } from "../src/core/errors.ts";

const root = join(import.meta.dirname, "..");
const read = (file: string) => readFileSync(join(root, file), "utf8");

/** Files that git tracks, or would if they were added. */
const files = execFileSync("git", ["ls-files", "-co", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => file !== "" && existsSync(join(root, file)));

describe("the house", () => {
  it("documents every error code with its status and whether to try again", () => {
    const rows = read("docs/errors.md").matchAll(/^\| `(\w+)` \| (\d+) \| (yes|no) \|/gm);
    const documented = [...rows].map(([, code, status, again]) => `${code} ${status} ${again}`);
    const table = Object.entries(errorTable).map(
      ([code, { status, retryable }]) => `${code} ${status} ${retryable ? "yes" : "no"}`,
    );
    assert.deepEqual(documented.toSorted(), table.toSorted());
  });

  it("links only to files that are there", () => {
    const broken = files
      .filter((file) => file.endsWith(".md"))
      .flatMap((file) =>
        [...read(file).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
          .map(([, target]) => join(dirname(file), target ?? ""))
          .filter((target) => !existsSync(join(root, target)))
          .map((target) => `${file} → ${target}`),
      );
    assert.deepEqual(broken, []);
  });

  it("names only tests that are there as the proof of a promise", () => {
    const named = [...read("docs/specification.md").matchAll(/`((?:src|test)\/[^`]+\.test\.ts)`/g)];
    assert.ok(named.length > 10, "the page names its tests");
    const missing = named.map(([, file]) => file ?? "").filter((file) => !files.includes(file));
    assert.deepEqual(missing, []);
  });

  it("keeps download addresses out of the lock file and hosts of registries out of the tree", () => {
    assert.doesNotMatch(read("package-lock.json"), /"resolved": "(?!web")/);
    const registries = /registry\.npmjs|deb\.debian\.org|pypi\.org|crates\.io/;
    const naming = files.filter(
      (file) => file !== "test/tidy.test.ts" && registries.test(read(file)),
    );
    assert.deepEqual(naming, []);
  });

  it("pins every dependency exactly", () => {
    const manifest = JSON.parse(read("package.json")) as Record<string, Record<string, string>>;
    const kinds = ["dependencies", "devDependencies", "optionalDependencies"];
    const loose = kinds
      .flatMap((kind) => Object.entries(manifest[kind] ?? {}))
      .filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version));
    assert.deepEqual(loose, []);
  });

  it("has no sleep in a test but the one that waits for a condition", () => {
    const sleeping = files
      .filter(
        (file) => file.endsWith(".ts") && (file.startsWith("test/") || file.includes(".test.")),
      )
      .filter((file) => /from "node:timers\/promises"/.test(read(file)))
      .filter((file) => !["test/support/wait-until.ts", "test/tidy.test.ts"].includes(file));
    assert.deepEqual(sleeping, []);
  });
});
