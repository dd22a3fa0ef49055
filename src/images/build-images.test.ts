import assert from "node:assert/strict";
import { mkdir, readdir, readFile, readlink, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryFolder } from "../../test/support/package-sources.ts";
import { compile, smallGuest } from "../../test/support/small-guest.ts";
import { runCommand } from "../os/run-command.ts";
import { buildImages } from "./build-images.ts";
import { listImages, verifyImages } from "./list-images.ts";

async function content(rootfs: string): Promise<Record<string, string>> {
  await using unpacked = await temporaryFolder();
  const tree = join(unpacked.path, "tree");
  await runCommand(["unsquashfs", "-quiet", "-no-progress", "-dest", tree, rootfs]);
  const files: Record<string, string> = {};
  for (const entry of await readdir(tree, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(tree.length + 1);
    if (entry.isFile()) files[name] = await readFile(path, "utf8");
    if (entry.isSymbolicLink()) files[name] = `-> ${await readlink(path)}`;
  }
  return files;
}

test("buildImages lays out what the recipe says, and nothing else", async () => {
  await using guest = await smallGuest();
  await using data = await temporaryFolder();
  await buildImages({ dataDir: data.path, guestDir: guest.guestDir, names: ["small"] });
  const rootfs = join(data.path, "images/small/current/rootfs.squashfs");
  assert.deepEqual(await content(rootfs), {
    "bin/busybox": "#!/bin/sh\necho sh\necho ls\n",
    "bin/ls": "-> busybox",
    "bin/sh": "-> busybox",
    "etc/made-here": "",
    "etc/parts/a": "first",
    "etc/parts/b": "second\n",
    "etc/whole": "first\nsecond\n",
    "sbin/init": "#!/bin/sh\n",
    "sbin/wake": "compiled\nits source\n",
    "usr/bin/also-tool": "-> tool",
    "usr/bin/tool": "#!/bin/sh\necho tool\n",
    "usr/lib/firelet/server": "the server\n",
    "usr/local/bin/runtime-server":
      "#!/bin/sh\nexport MODE='two words'\nread -r _ memoryKib _ </proc/meminfo\n" +
      "heapMib=$(((memoryKib / 1024 - 40) * 75 / 100))\n" +
      "exec /usr/bin/tool 'it'\\''s here' --heap=\"$heapMib\"\n",
  });
  const kernel = await readFile(join(data.path, "images/kernel/current/vmlinux"));
  assert.equal(kernel.toString("latin1", 0, 10), "\x7fELFkernel");
  const initramfs = await readFile(
    join(data.path, "images/kernel/current/initramfs.cpio"),
    "latin1",
  );
  assert.match(initramfs, /modules\/order\0+ring\.ko\nnet\.ko\n/);
});

test("buildImages gives the same bytes for the same inputs, whatever the umask is", async () => {
  await using guest = await smallGuest();
  await using one = await temporaryFolder();
  await using two = await temporaryFolder();
  const [first] = await buildImages({ dataDir: one.path, guestDir: guest.guestDir });
  const before = process.umask(0o077);
  try {
    const [second] = await buildImages({ dataDir: two.path, guestDir: guest.guestDir });
    assert.match(first?.digest ?? "", /^sha256:[0-9a-f]{64}$/);
    assert.equal(second?.digest, first?.digest);
  } finally {
    process.umask(before);
  }
  for (const file of ["kernel/current/manifest.json", "small/current/manifest.json"]) {
    const read = (folder: string) => readFile(join(folder, "images", file), "utf8");
    assert.equal(await read(two.path), await read(one.path));
  }
  // VMs run as other users.
  const mode = async (path: string) => (await stat(join(two.path, "images", path))).mode & 0o777;
  for (const folder of ["", "small", "small/current", "kernel/current"]) {
    assert.equal(await mode(folder), 0o755, folder);
  }
  for (const file of ["small/current/rootfs.squashfs", "kernel/current/vmlinux"]) {
    assert.equal(await mode(file), 0o644, file);
  }
});

test("buildImages does nothing where nothing has changed, and says so", async () => {
  await using guest = await smallGuest();
  await using data = await temporaryFolder();
  const build = async () => {
    const steps: string[] = [];
    const onProgress = (doing: string) => void steps.push(doing);
    const images = await buildImages({ dataDir: data.path, guestDir: guest.guestDir, onProgress });
    return { steps, changed: images.map(({ changed }) => changed) };
  };
  assert.deepEqual((await build()).changed, [true, true]);
  assert.deepEqual(await build(), { steps: ["Nothing has changed"], changed: [false, false] });

  await guest.write({ "small/server": "a new server\n" });
  const { steps, changed } = await build();
  assert.deepEqual(changed, [true, true]);
  assert.ok(!steps.includes("Extracting the kernel"), "the kernel did not change");

  await guest.write({ "init/wake.c": "its new source\n" });
  assert.deepEqual((await build()).changed, [true, true], "it is compiled into both");
  const versions = await readdir(join(data.path, "images/small"));
  assert.equal(versions.length, 3, "current, what it points at, and the one before");
});

test("buildImages builds again what was damaged", async () => {
  await using guest = await smallGuest();
  await using data = await temporaryFolder();
  const options = { dataDir: data.path, guestDir: guest.guestDir, names: ["small"] };
  await buildImages(options);
  await writeFile(join(data.path, "images/small/current/rootfs.squashfs"), "cut short");
  const [image] = await buildImages(options);
  assert.equal(image?.changed, true);
  assert.deepEqual((await verifyImages(data.path, guest.guestDir))[0]?.problems, []);
});

test("a build that is interrupted leaves the images before it, and the next one tidies up", async () => {
  await using guest = await smallGuest();
  await using data = await temporaryFolder();
  const options = { dataDir: data.path, guestDir: guest.guestDir, names: ["small"] };
  const [before] = await buildImages(options);
  await guest.write({ "small/server": "a new server\n" });
  const abort = new AbortController();
  const onProgress = (doing: string) => {
    if (doing.startsWith("Packing")) abort.abort();
  };
  await assert.rejects(buildImages({ ...options, onProgress, signal: abort.signal }));
  assert.equal((await listImages(data.path, guest.guestDir))[0]?.digest, before?.digest);
  const small = join(data.path, "images/small");
  assert.equal((await readdir(small)).length, 2);

  // What a build leaves that has no time to tidy up, because it was killed.
  await mkdir(join(small, "tmp-killed/workspace"), { recursive: true });
  const [after] = await buildImages(options);
  assert.notEqual(after?.digest, before?.digest);
  assert.deepEqual(
    (await readdir(small)).filter((name) => name.startsWith("tmp-")),
    [],
  );
});

test("two builds at once build everything once", async () => {
  await using guest = await smallGuest();
  await using data = await temporaryFolder();
  const build = () => buildImages({ dataDir: data.path, guestDir: guest.guestDir });
  const [one, two] = await Promise.all([build(), build()]);
  const builds = [one, two].map((images) => images.every((image) => image.changed));
  assert.equal(builds.filter((changed) => changed).length, 1);
  assert.deepEqual(
    one.map(({ digest }) => digest),
    two.map(({ digest }) => digest),
  );
});

test("a build records and lists packages that took the place of pinned ones", async () => {
  await using guest = await smallGuest();
  await using data = await temporaryFolder();
  await guest.sources.publish("tool", "1.1-1", { "usr/bin/tool": "#!/bin/sh\necho newer\n" });
  await guest.sources.withdraw(guest.packages.tool);
  await guest.sources.publish("compiler", "3.1-1", { "usr/bin/compile": compile("newly") });
  await guest.sources.withdraw(guest.packages.compiler);
  const [image] = await buildImages({ dataDir: data.path, guestDir: guest.guestDir });
  assert.deepEqual(image?.unpinned, ["tool 1.1-1 for tool", "compiler 3.1-1 for compiler"]);
});

test("buildImages builds again when the pin of a tool has moved", async () => {
  await using guest = await smallGuest();
  await using data = await temporaryFolder();
  const options = { dataDir: data.path, guestDir: guest.guestDir, names: ["small"] };
  await buildImages(options);
  const files = { "usr/bin/compile": compile("newly compiled") };
  const { version, sha256 } = await guest.sources.publish("compiler", "3.1-1", files);
  const lockFile = join(guest.guestDir, "recipes/all.lock.json");
  const lock: object = JSON.parse(await readFile(lockFile, "utf8"));
  const moved = { ...lock, compiler: { version, sha256: { amd64: sha256, arm64: sha256 } } };
  await guest.write({ "recipes/all.lock.json": JSON.stringify(moved) });
  const [image] = await buildImages(options);
  assert.equal(image?.changed, true);
  const tree = await content(join(data.path, "images/small/current/rootfs.squashfs"));
  assert.equal(tree["sbin/wake"], "newly compiled\nits source\n");
});

test("buildImages names a runtime that has no recipe before it does anything", async () => {
  await using guest = await smallGuest();
  await using data = await temporaryFolder();
  const options = { dataDir: data.path, guestDir: guest.guestDir, names: ["small", "ruby"] };
  await assert.rejects(buildImages(options), {
    code: "runtime_image_not_found",
    message: 'Cannot use runtime "ruby": there are small, tiny-2.1',
  });
  assert.deepEqual(await readdir(data.path), []);
});

test("verifyImages names each file that is not as it was built", async () => {
  await using guest = await smallGuest();
  await using data = await temporaryFolder();
  const verify = async () =>
    (await verifyImages(data.path, guest.guestDir)).map(({ runtime, problems }) => [
      runtime,
      ...problems,
    ]);
  await buildImages({ dataDir: data.path, guestDir: guest.guestDir, names: ["small"] });
  assert.deepEqual(await verify(), [["small"], ["tiny-2.1", "its root file system is not built"]]);

  const rootfs = join(
    data.path,
    "images/small",
    await readlink(join(data.path, "images/small/current")),
    "rootfs.squashfs",
  );
  const bytes = await readFile(rootfs);
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  await writeFile(rootfs, bytes);
  const [small] = await verify();
  assert.equal(small?.length, 2);
  assert.match(small?.[1] ?? "", /rootfs\.squashfs was changed: its SHA-256 is not [0-9a-f]{64}$/);
});
