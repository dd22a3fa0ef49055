import assert from "node:assert/strict";
import { access, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryFolder, writeFiles } from "../../test/support/package-sources.ts";
import { guestFilesOf, readDebianLock, readLayer, readRuntimeRecipe } from "./recipe.ts";
import { ownGuestDir, readKernelPlan, readPlan, runtimeNames } from "./recipe-book.ts";

test("every recipe of this checkout is usable: pins, files and templates are there", async () => {
  const names = await runtimeNames(ownGuestDir);
  assert.deepEqual(names, ["node", "python"]);
  for (const name of names) {
    const { recipe, layers, lock } = await readPlan(ownGuestDir, name);
    for (const layer of layers) {
      for (const wanted of [...(layer.packages ?? []), ...(layer.tools ?? [])]) {
        assert.match(lock[wanted]?.sha256["amd64"] ?? "", /^[0-9a-f]{64}$/, `${name}: ${wanted}`);
      }
    }
    for (const file of guestFilesOf(layers)) await access(join(ownGuestDir, file));
    await access(join(ownGuestDir, recipe.template));
  }
});

test("the kernel's recipe is pinned and says what follows its package", async () => {
  const { recipe, lock } = await readKernelPlan(ownGuestDir);
  const entry = lock[recipe.package.amd64 ?? ""];
  assert.ok(entry?.successor, "the name of a kernel package has its version in it");
  assert.ok(lock[recipe.busybox.package]);
  await access(join(ownGuestDir, recipe.init));
});

test("every package of the lock file is wanted by a recipe", async () => {
  const { recipe: kernel } = await readKernelPlan(ownGuestDir);
  const wanted = new Set([...Object.values(kernel.package), kernel.busybox.package]);
  for (const name of await runtimeNames(ownGuestDir)) {
    const { layers } = await readPlan(ownGuestDir, name);
    for (const { packages = [], tools = [] } of layers) {
      for (const found of [...packages, ...tools]) wanted.add(found);
    }
  }
  const folder = join(ownGuestDir, "recipes");
  for (const file of (await readdir(folder)).filter((found) => found.endsWith(".lock.json"))) {
    const lock = await readDebianLock(join(folder, file));
    assert.deepEqual(Object.keys(lock).toSorted(), [...wanted].toSorted());
  }
});

test("readRuntimeRecipe names the file and the field that is wrong", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "ruby.json");
  await writeFiles(folder.path, { "ruby.json": '{"name": "ruby", "extension": ".rb"}' });
  await assert.rejects(readRuntimeRecipe(path), (error: Error) => {
    assert.match(error.message, new RegExp(`^Cannot use recipe "${path}": `));
    assert.match(error.message, /extension|interpreter/);
    return true;
  });
  await writeFiles(folder.path, { "ruby.json": "{" });
  await assert.rejects(readRuntimeRecipe(path), { message: /^Cannot read recipe ".*": .*JSON/ });
  await assert.rejects(readRuntimeRecipe(join(folder.path, "none.json")), { message: /ENOENT/ });
});

test("readLayer refuses paths that lead out of the image", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "layer.json");
  for (const place of ["/etc/passwd", "../etc/passwd", "etc/../../passwd", ".."]) {
    await writeFiles(folder.path, { "layer.json": JSON.stringify({ texts: { [place]: "" } }) });
    await assert.rejects(readLayer(path), { code: "image_build_failed" }, place);
  }
  await writeFiles(folder.path, { "layer.json": JSON.stringify({ texts: { "etc/..x": "" } }) });
  await readLayer(path);
});

test("readPlan refuses a runtime without a recipe, and one under another name", async () => {
  await assert.rejects(readPlan(ownGuestDir, "ruby"), {
    code: "runtime_image_not_found",
    message: 'Cannot use runtime "ruby": there are node, python',
  });
  await assert.rejects(readPlan(ownGuestDir, "../recipes/node"), {
    code: "runtime_image_not_found",
  });
});
