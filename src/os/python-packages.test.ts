import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { hasPythonPackages, installPythonPackages } from "./python-packages.ts";

describe("installPythonPackages", () => {
  let base: string;
  let requirements: string;
  let folder: string;
  before(async () => {
    base = await mkdtemp(join(tmpdir(), "firelet-python-"));
    requirements = join(base, "requirements.txt");
    folder = join(base, "packages");
  });
  after(() => rm(base, { recursive: true }));

  it("fills a folder once, and again where the requirements have changed", async () => {
    await writeFile(requirements, "# none\n");
    assert.equal(await hasPythonPackages(requirements, folder), false);
    await installPythonPackages(requirements, folder);
    assert.equal(await hasPythonPackages(requirements, folder), true);
    await writeFile(join(folder, "mine"), "");
    await installPythonPackages(requirements, folder);
    assert.ok((await readdir(folder)).includes("mine"), "it is left as it is");
    await writeFile(requirements, "# none at all\n");
    assert.equal(await hasPythonPackages(requirements, folder), false);
    await installPythonPackages(requirements, folder);
    assert.deepEqual(await readdir(folder), [".requirements"]);
  });

  it("says why pip failed, and leaves what was there", async () => {
    const wheel = join(base, "absent-1.0-py3-none-any.whl");
    await writeFile(requirements, `${wheel} --hash=sha256:${"0".repeat(64)}\n`);
    await assert.rejects(installPythonPackages(requirements, folder), /absent-1\.0/);
    assert.deepEqual((await readdir(base)).toSorted(), ["packages", "requirements.txt"]);
    assert.equal(await hasPythonPackages(requirements, folder), false);
  });
});
