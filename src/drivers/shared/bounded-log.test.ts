import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, describe, it } from "node:test";

import { BoundedLog, readLogEnd } from "./bounded-log.ts";

const folder = await mkdtemp(join(tmpdir(), "firelet-log-"));
after(() => rm(folder, { recursive: true }));

async function logOf(name: string, limitBytes: number, chunks: readonly string[]) {
  const path = join(folder, name);
  const log = await BoundedLog.create(path, limitBytes);
  await log.drain(Readable.from(chunks.map((chunk) => Buffer.from(chunk))));
  await log.close();
  return { path, log };
}

async function bytesOf(path: string): Promise<number> {
  const names = [path, `${path}.1`];
  const sizes = names.map((name) =>
    stat(name).then(
      (found) => found.size,
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

describe("BoundedLog", () => {
  it("keeps everything while there is room", async () => {
    const { path } = await logOf("small", 1_000, ["one\n", "two\n"]);
    assert.equal((await readLogEnd(path, 1_000)).toString(), "one\ntwo\n");
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  });

  it("keeps the end, and at most the limit on disk, whatever comes", async () => {
    const lines = Array.from({ length: 1_000 }, (_, index) => `line ${index}\n`);
    const { path } = await logOf("many", 2_000, lines);
    assert.ok((await bytesOf(path)) <= 2_000);
    const end = (await readLogEnd(path, 2_000)).toString();
    assert.ok(end.length > 900, `${end.length} bytes are left`);
    assert.ok(lines.join("").endsWith(end));
  });

  it("keeps the end of one chunk that is larger than the limit", async () => {
    const { path } = await logOf("large", 1_000, ["x".repeat(5_000), "the end\n"]);
    assert.ok((await bytesOf(path)) <= 1_000);
    assert.match((await readLogEnd(path, 1_000)).toString(), /x+the end\n$/);
  });

  it("reads the last bytes alone, and nothing where there is no log", async () => {
    const { path } = await logOf("end", 1_000, ["one\n", "two\n"]);
    assert.equal((await readLogEnd(path, 4)).toString(), "two\n");
    assert.equal((await readLogEnd(join(folder, "absent"), 4)).length, 0);
  });

  it("goes on taking output in when the disk does not take it", async () => {
    const gone = join(folder, "gone");
    await mkdir(gone);
    const log = await BoundedLog.create(join(gone, "log"), 100);
    // From here on a full half has nowhere to go.
    await rm(gone, { recursive: true });
    const lines = Array.from({ length: 50 }, (_, index) => Buffer.from(`a longer line ${index}\n`));
    await log.drain(Readable.from(lines));
    await log.close();
    assert.match(log.tail.lastLines(), /a longer line 49$/);
    assert.equal(existsSync(gone), false);
  });
});
