import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { writeFileAtomic } from "./atomic-file.ts";

async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), "firelet-atomic-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

test("writeFileAtomic writes and replaces a file and leaves nothing beside it", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "file");
  await writeFileAtomic(path, "old");
  await writeFileAtomic(path, Buffer.from("new"));
  assert.equal(await readFile(path, "utf8"), "new");
  assert.deepEqual(await readdir(folder.path), ["file"]);
});

test("writeFileAtomic gives the file its mode whatever the umask is", async () => {
  await using folder = await temporaryFolder();
  const before = process.umask(0o077);
  try {
    await writeFileAtomic(join(folder.path, "open"), "", 0o644);
    await writeFileAtomic(join(folder.path, "closed"), "", 0o600);
  } finally {
    process.umask(before);
  }
  const mode = async (name: string) => (await stat(join(folder.path, name))).mode & 0o777;
  assert.equal(await mode("open"), 0o644);
  assert.equal(await mode("closed"), 0o600);
});

test("writeFileAtomic leaves the old file and no temporary one when it fails", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "taken");
  await rm(path, { force: true });
  const inside = join(folder.path, "taken", "file");
  await assert.rejects(writeFileAtomic(inside, "x"), { code: "ENOENT" });
  // A folder cannot be replaced by a file: the rename is what fails.
  await writeFile(join(folder.path, "plain"), "kept");
  await assert.rejects(writeFileAtomic(folder.path, "x"));
  assert.deepEqual(await readdir(folder.path), ["plain"]);
});
