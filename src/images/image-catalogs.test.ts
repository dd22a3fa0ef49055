import assert from "node:assert/strict";
import { mkdir, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryFolder, writeFiles } from "../../test/support/package-sources.ts";
import { smallGuest } from "../../test/support/small-guest.ts";
import { buildImages } from "./build-images.ts";
import { BuiltImageCatalog } from "./built-image-catalog.ts";
import { HostRuntimeCatalog, isAtLeast } from "./host-runtime-catalog.ts";
import { listImages } from "./list-images.ts";

test("BuiltImageCatalog finds what was built and says what builds the rest", async () => {
  await using guest = await smallGuest();
  await using data = await temporaryFolder();
  const { guestDir } = guest;
  const catalog = new BuiltImageCatalog({ dataDir: data.path, guestDir });
  const missing = join(data.path, "images/kernel/current/vmlinux");
  await assert.rejects(catalog.resolve("small"), {
    code: "runtime_image_not_found",
    message: `Runtime image not found: ${missing}: build it with "firelet images build small"`,
  });

  const [built] = await buildImages({ dataDir: data.path, guestDir, names: ["small"] });
  const image = await catalog.resolve("small");
  assert.equal(image.digest, built?.digest);
  for (const path of [image.kernel, image.initramfs, image.rootfs]) assert.ok(path.startsWith("/"));

  const [small, tiny] = await catalog.list();
  assert.deepEqual(small, {
    name: "small",
    interpreter: "Interpreter of small",
    extensions: [".x"],
    template: "the template\n",
    imageDigest: built?.digest,
  });
  assert.equal(tiny?.imageDigest, null);
  assert.deepEqual(
    (await listImages(data.path, guestDir)).map(({ digest }) => digest),
    [built?.digest, null],
  );

  await rm(image.rootfs);
  await assert.rejects(catalog.resolve("small"), {
    message: `Runtime image not found: ${image.rootfs}: build it with "firelet images build small"`,
  });
});

test("BuiltImageCatalog takes files that the configuration names, and their digest", async () => {
  await using guest = await smallGuest();
  await using data = await temporaryFolder();
  const { guestDir } = guest;
  const rootfs = join(data.path, "mine.ext4");
  const overrides = { small: { rootfs } };
  const catalog = new BuiltImageCatalog({ dataDir: data.path, guestDir, overrides });
  await buildImages({ dataDir: data.path, guestDir });
  await assert.rejects(catalog.resolve("small"), {
    code: "runtime_image_not_found",
    message: `Runtime image not found: ${rootfs}: the setting "images.small.rootfs" names it`,
  });
  await mkdir(rootfs);
  await assert.rejects(catalog.resolve("small"), {
    code: "runtime_image_not_found",
    message: /mine\.ext4: the setting "images\.small\.rootfs" names it, .*cannot be read: EISDIR/,
  });
  const digests = (await catalog.list()).map(({ imageDigest }) => typeof imageDigest);
  assert.deepEqual(digests, ["object", "string"], "the other runtime has its image");
  await rmdir(rootfs);
  await writeFile(rootfs, "one");
  const first = await catalog.resolve("small");
  assert.equal(first.rootfs, rootfs);
  assert.equal((await catalog.resolve("small")).digest, first.digest);
  await writeFile(rootfs, "another");
  assert.notEqual((await catalog.resolve("small")).digest, first.digest);
  assert.notEqual((await catalog.resolve("tiny-2.1")).rootfs, rootfs);
});

test("a runtime that nobody has heard of is named, with those that there are", async () => {
  await using guest = await smallGuest();
  const { guestDir } = guest;
  const message = 'Cannot use runtime "ruby": there are small, tiny-2.1';
  const built = new BuiltImageCatalog({ dataDir: "/nowhere", guestDir });
  await assert.rejects(built.resolve("ruby"), { code: "runtime_image_not_found", message });
  await assert.rejects(new HostRuntimeCatalog({ guestDir }).resolve("ruby"), { message });
});

test("HostRuntimeCatalog asks the interpreter on PATH what it is and where it is", async () => {
  await using guest = await smallGuest();
  await using bin = await temporaryFolder();
  const { guestDir } = guest;
  const catalog = new HostRuntimeCatalog({ guestDir, searchPath: bin.path });
  assert.deepEqual(await catalog.list(), []);
  await assert.rejects(catalog.resolve("small"), {
    code: "runtime_image_not_found",
    message:
      "Runtime image not found: Small 2.1 or newer on this host: there is no firelet-test-interpreter on PATH",
  });

  const program = join(bin.path, "firelet-test-interpreter");
  const says = async (version: string) => {
    await writeFiles(bin.path, {
      "firelet-test-interpreter": `#!/bin/sh\necho ${version}\necho /opt/real/interpreter\n`,
    });
  };
  await says("2.0.9");
  await assert.rejects(catalog.resolve("small"), {
    message: `Runtime image not found: Small 2.1 or newer on this host: ${program} says that it is Small 2.0.9`,
  });
  await says("2.10");
  assert.deepEqual(await catalog.resolve("small"), {
    kind: "host",
    runtime: "small",
    argv: ["/opt/real/interpreter", "-x", join(guestDir, "small/server")],
  });
  const [small] = await catalog.list();
  assert.equal(small?.interpreter, "Small 2.10");
  assert.equal(small?.imageDigest, null);
});

test("HostRuntimeCatalog runs Node functions with the Node that runs Firelet", async () => {
  const image = await new HostRuntimeCatalog().resolve("node");
  assert.equal(image.argv[0], process.execPath);
});

test("isAtLeast compares numbers, not text", () => {
  for (const [version, wanted] of [
    ["3.11.2", "3.9"],
    ["3.9", "3.9"],
    ["3.9.0", "3.9"],
    ["4", "3.9"],
    ["3.13.0rc1", "3.13"],
  ] as const) {
    assert.equal(isAtLeast(version, wanted), true, `${version} against ${wanted}`);
  }
  for (const [version, wanted] of [
    ["3.8.20", "3.9"],
    ["2.7", "3.9"],
    ["3", "3.9"],
    ["", "3.9"],
    ["unknown", "1"],
  ] as const) {
    assert.equal(isAtLeast(version, wanted), false, `${version} against ${wanted}`);
  }
});
