import assert from "node:assert/strict";
import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { SnapshotFiles, SnapshotKey } from "../core/snapshot.ts";
import { FileSnapshotStore } from "./file-snapshot-store.ts";

const conditions = { vmm: "QEMU 7.2.22", image: "sha256:0" };
const key = (functionId: string, revision = 1): SnapshotKey => ({
  kind: "function",
  functionId,
  revision,
});
const base: SnapshotKey = { kind: "base", runtime: "node", vcpus: 1, memoryMib: 256 };

/** Writes a sparse memory of 1 MiB with `text` in the middle. */
const write =
  (text: string) =>
  async ({ memory, state }: SnapshotFiles) => {
    const file = await open(memory, "w");
    await file.truncate(2 ** 20);
    await file.write(text, 2 ** 19);
    await file.close();
    await writeFile(state, "state");
  };

/** Changes one byte in the middle of a file that `write` made. */
const flipByte = async (path: string) => {
  const file = await open(path, "r+");
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, 2 ** 19);
  await file.write(Buffer.from([(buffer[0] ?? 0) ^ 1]), 0, 1, 2 ** 19);
  await file.close();
};

describe("FileSnapshotStore", () => {
  let dataDir = "";
  let warnings: object[] = [];
  const log = {
    debug() {},
    info() {},
    warn: (fields: object) => warnings.push(fields),
    error: (fields: object) => warnings.push(fields),
  };
  const openStore = (limitBytes = 2 ** 30) => FileSnapshotStore.open({ dataDir, limitBytes, log });

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "firelet-snapshots-"));
    warnings = [];
  });
  afterEach(() => rm(dataDir, { recursive: true }));

  it("finds what it made, at once and after a restart", async () => {
    const store = await openStore();
    assert.equal(await store.find(base, conditions), null);
    const made = await store.create(base, conditions, write("base"));
    assert.deepEqual(await store.find(base, conditions), made);
    await store.close();
    assert.deepEqual(await store.find(base, conditions), made);
    const again = await openStore();
    assert.deepEqual(await again.find(base, conditions), made);
    assert.equal((await stat(join(dataDir, "snapshots"))).mode & 0o777, 0o700);
    const { count, bytes } = await again.use();
    assert.equal(count, 1);
    assert.ok(bytes < 2 ** 19, `${bytes} bytes of a sparse file`);
    assert.deepEqual(warnings, []);
  });

  it("writes the digest of every file and all conditions into the manifest", async () => {
    const store = await openStore();
    const { files } = await store.create(base, conditions, write("base"));
    await store.close();
    const manifest = JSON.parse(await readFile(join(files.memory, "../manifest.json"), "utf8"));
    assert.deepEqual(manifest.conditions, conditions);
    // What sha256sum says of "state".
    const state = "4ba69735ca53765ed6a709edb56c6ea236b7193a3b29a6b390c346f0f4340e4e";
    assert.equal(manifest.files.state, state);
    assert.match(manifest.files.memory, /^[0-9a-f]{64}$/);
  });

  for (const [when, restart] of [
    ["while the manager runs", false],
    ["while it does not", true],
  ] as const) {
    it(`sets a snapshot aside when one byte of it was changed ${when}`, async () => {
      let store = await openStore();
      const { files } = await store.create(base, conditions, write("base"));
      await store.close();
      await flipByte(files.memory);
      if (restart) store = await openStore();
      assert.equal(await store.find(base, conditions), null);
      assert.match(JSON.stringify(warnings), /its file \\"memory\\" was changed: its SHA-256 is/);
      assert.equal((await readdir(join(dataDir, "snapshots/set-aside"))).length, 1);
      await store.create(base, conditions, write("base"));
      assert.notEqual(await store.find(base, conditions), null);
    });
  }

  it("does not trust a file that was changed before it was first read", async () => {
    const store = await openStore();
    const { files } = await store.create(base, conditions, async (draft) => {
      await write("base")(draft);
    });
    await flipByte(files.memory);
    assert.equal(await store.find(base, conditions), null);
    await store.close();
    assert.deepEqual(await (await openStore()).use(), { count: 0, bytes: 0 });
  });

  it("sets a snapshot aside that does not fit the host, and says what differs", async () => {
    const store = await openStore();
    await store.create(base, conditions, write("base"));
    await store.close();
    assert.equal(await store.find(base, { ...conditions, vmm: "QEMU 8.0.0" }), null);
    assert.match(JSON.stringify(warnings), /taken with vmm \\"QEMU 7.2.22\\", and here is/);
  });

  it("leaves nothing of one that could not be made, and sweeps what a dead manager left", async () => {
    const store = await openStore();
    const failing = store.create(base, conditions, async (files) => {
      await writeFile(files.memory, "half");
      throw new Error("no");
    });
    await assert.rejects(failing, { message: "no" });
    assert.deepEqual(await readdir(join(dataDir, "snapshots")), ["set-aside"]);
    await mkdir(join(dataDir, "snapshots/tmp-dead"));
    await mkdir(join(dataDir, "snapshots/function-f-1"));
    await openStore();
    assert.deepEqual(await readdir(join(dataDir, "snapshots")), ["set-aside"]);
  });

  it("keeps one revision of a function, and sweeps functions that are gone", async () => {
    const store = await openStore();
    for (const one of [key("f", 1), key("f", 2), key("g", 1), base]) {
      await store.create(one, conditions, write("x"));
    }
    await store.keepOnly("f", 2);
    assert.equal(await store.find(key("f", 1), conditions), null);
    assert.notEqual(await store.find(key("f", 2), conditions), null);
    await store.close();
    await store.sweep(new Map([["f", 2]]));
    assert.equal(await store.find(key("g", 1), conditions), null);
    assert.equal((await store.use()).count, 2);
    await store.setAside(key("f", 2), "a test");
    await store.keepOnly("f", null);
    assert.equal((await store.use()).count, 1);
    assert.deepEqual(await readdir(join(dataDir, "snapshots/set-aside")), []);
  });

  it("removes what was not used for longest beyond its limit", async () => {
    const store = await openStore(20 * 1024);
    for (const name of ["a", "b"]) {
      await store.create(key(name), conditions, write(name));
      await store.close();
    }
    await store.find(key("a"), conditions);
    await store.create(key("c"), conditions, write("c"));
    await store.close();
    assert.equal(await store.find(key("b"), conditions), null);
    assert.notEqual(await store.find(key("a"), conditions), null);
    assert.notEqual(await store.find(key("c"), conditions), null);
  });
});
