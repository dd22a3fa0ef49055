import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { findProgram } from "./find-program.ts";

test("findProgram takes the first file on the path that may be run", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "firelet-path-"));
  t.after(() => rm(folder, { recursive: true }));
  for (const name of ["one", "two", "three"]) await mkdir(join(folder, name));
  await mkdir(join(folder, "one/tool"));
  await writeFile(join(folder, "two/tool"), "");
  await chmod(join(folder, "two/tool"), 0o644);
  const program = join(folder, "three/tool");
  await writeFile(program, "");
  await chmod(program, 0o755);
  const path = ["one", "two", "three", "none"].map((name) => join(folder, name)).join(":");
  assert.equal(findProgram("tool", path), program);
  assert.equal(findProgram(program, ""), program);
  assert.equal(findProgram("other", path), null);
});
