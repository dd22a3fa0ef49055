import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import {
  PackageSources,
  type PublishedPackage,
  temporaryFolder,
} from "../../test/support/package-sources.ts";
import { downloadDebianPackages } from "./debian-packages.ts";
import type { DebianLock } from "./recipe.ts";

function lockOf(...packages: PublishedPackage[]): DebianLock {
  return Object.fromEntries(
    packages.map(({ name, version, sha256 }) => [name, { version, sha256: { amd64: sha256 } }]),
  );
}

function options(cacheDir: string) {
  const steps: string[] = [];
  const onStep = (text: string) => void steps.push(text);
  return { steps, cacheDir, architecture: "amd64" as const, onStep, sources: { fresh: false } };
}

test("downloadDebianPackages takes the pinned version, though there is a newer one", async () => {
  await using sources = await PackageSources.create();
  await using cache = await temporaryFolder();
  const old = await sources.publish("tool", "1.0-1", { "usr/bin/tool": "#!/bin/sh\n" });
  await sources.publish("tool", "2.0-1", { "usr/bin/tool": "#!/bin/sh\nexit\n" });
  const [found] = await downloadDebianPackages(["tool"], lockOf(old), options(cache.path));
  assert.equal(found?.version, "1.0-1");
  assert.equal(found?.sha256, old.sha256);
  assert.equal(found?.pinned, true);
});

test("downloadDebianPackages asks nobody for what the cache holds", async () => {
  await using cache = await temporaryFolder();
  let lock: DebianLock = {};
  {
    await using sources = await PackageSources.create();
    lock = lockOf(
      await sources.publish("tool", "1.0", {}),
      await sources.publish("lib", "1.0", {}),
    );
    await downloadDebianPackages(["tool", "lib"], lock, options(cache.path));
  }
  const again = options(cache.path);
  const found = await downloadDebianPackages(["tool", "lib"], lock, again);
  assert.deepEqual(
    found.map(({ name }) => name),
    ["tool", "lib"],
  );
  assert.deepEqual(again.steps, []);
});

test("downloadDebianPackages fetches again what was damaged in the cache", async () => {
  await using sources = await PackageSources.create();
  await using cache = await temporaryFolder();
  const lock = lockOf(await sources.publish("tool", "1.0", {}));
  const [first] = await downloadDebianPackages(["tool"], lock, options(cache.path));
  await writeFile(first?.path ?? "", "damaged");
  const again = options(cache.path);
  await downloadDebianPackages(["tool"], lock, again);
  assert.deepEqual(again.steps, [
    "Asking the Debian package sources",
    "Downloading 1 Debian package",
  ]);
});

test("downloadDebianPackages takes the newest version where the pinned one is gone, and says so", async () => {
  await using sources = await PackageSources.create();
  await using cache = await temporaryFolder();
  const gone = await sources.publish("tool", "1.0", {});
  await sources.publish("tool", "1.1", {});
  const newest = await sources.publish("tool", "1.2", {});
  await sources.withdraw(gone);
  const run = options(cache.path);
  const [found] = await downloadDebianPackages(["tool"], lockOf(gone), run);
  assert.deepEqual(
    { version: found?.version, sha256: found?.sha256, pinned: found?.pinned },
    { version: "1.2", sha256: newest.sha256, pinned: false },
  );
  assert.ok(run.steps.includes("tool 1.0 is no longer offered: taking tool 1.2"), run.steps.join());
});

test("downloadDebianPackages follows a package whose name had its version in it", async () => {
  await using sources = await PackageSources.create();
  await using cache = await temporaryFolder();
  const gone = await sources.publish("kernel-6.1-56", "6.1.56", {});
  await sources.withdraw(gone);
  const next = await sources.publish("kernel-6.1-57", "6.1.57", {});
  await sources.publish("kernel", "6.1.57", {}, "kernel-6.1-57 (= 6.1.57)");
  const lock = lockOf(gone);
  const entry = lock["kernel-6.1-56"];
  if (entry !== undefined) entry.successor = "kernel";
  const [found] = await downloadDebianPackages(["kernel-6.1-56"], lock, options(cache.path));
  assert.equal(found?.name, "kernel-6.1-57");
  assert.equal(found?.sha256, next.sha256);
  assert.equal(found?.wanted, "kernel-6.1-56");
});

test("downloadDebianPackages refuses the pinned version with another digest", async () => {
  await using sources = await PackageSources.create();
  await using cache = await temporaryFolder();
  const real = await sources.publish("tool", "1.0", {});
  const lock = lockOf({ ...real, sha256: "0".repeat(64) });
  await assert.rejects(downloadDebianPackages(["tool"], lock, options(cache.path)), {
    code: "image_build_failed",
    message: `Cannot fetch package "tool": the sources have 1.0 with SHA-256 ${real.sha256}, and the lock file pins ${"0".repeat(64)}`,
  });
});

test("downloadDebianPackages refuses a file that is not what the sources signed for", async () => {
  await using sources = await PackageSources.create();
  await using cache = await temporaryFolder();
  const real = await sources.publish("tool", "1.0", {});
  await sources.corrupt(real);
  await assert.rejects(downloadDebianPackages(["tool"], lockOf(real), options(cache.path)), {
    code: "image_build_failed",
    message: /^Cannot fetch Debian packages: /,
  });
  assert.deepEqual(await readdir(join(cache.path, "debian")), []);
});

test("downloadDebianPackages names a package that nobody has, or that the lock does not have", async () => {
  await using sources = await PackageSources.create();
  await using cache = await temporaryFolder();
  const gone = await sources.publish("tool", "1.0", {});
  await sources.withdraw(gone);
  await assert.rejects(downloadDebianPackages(["tool"], lockOf(gone), options(cache.path)), {
    message: /^Cannot fetch package "tool": this host's package sources do not have it/,
  });
  await assert.rejects(downloadDebianPackages(["tool"], {}, options(cache.path)), {
    message: 'Cannot fetch package "tool": the lock file has no entry of it',
  });
});
