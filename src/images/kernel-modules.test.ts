import assert from "node:assert/strict";
import { test } from "node:test";
import { kernelModule } from "../../test/support/kernel-files.ts";
import { temporaryFolder, writeFiles } from "../../test/support/package-sources.ts";
import { moduleDependencies, resolveModules } from "./kernel-modules.ts";

test("moduleDependencies reads what a module was built to need", () => {
  assert.deepEqual(moduleDependencies(kernelModule("net", ["core", "ring"])), ["core", "ring"]);
  assert.deepEqual(moduleDependencies(kernelModule("ring", [])), []);
  assert.deepEqual(moduleDependencies(Buffer.from("no module")), []);
});

test("resolveModules puts every module behind what it needs, once", async () => {
  await using folder = await temporaryFolder();
  await writeFiles(folder.path, {
    "6.1/kernel/net.ko": kernelModule("net", ["fail_over", "core"]),
    "6.1/kernel/deep/fail-over.ko": kernelModule("fail_over", []),
    "6.1/kernel/core.ko": kernelModule("core", ["ring"]),
    "6.1/kernel/ring.ko": kernelModule("ring", []),
    "6.1/kernel/disk.ko": kernelModule("disk", ["core"]),
    "6.1/kernel/unwanted.ko": kernelModule("unwanted", []),
  });
  const modules = await resolveModules(folder.path, ["disk", "net"]);
  assert.deepEqual(
    modules.map(({ name }) => name),
    ["ring", "core", "disk", "fail_over", "net"],
  );
});

test("resolveModules names a module that the kernel does not have", async () => {
  await using folder = await temporaryFolder();
  await writeFiles(folder.path, { "6.1/net.ko": kernelModule("net", ["core"]) });
  await assert.rejects(resolveModules(folder.path, ["net"]), {
    code: "image_build_failed",
    message: 'Cannot build the initramfs: the kernel has no module "core"',
  });
});
