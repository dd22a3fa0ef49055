import assert from "node:assert/strict";
import { test } from "node:test";
import { cpioArchive, type CpioEntry } from "./cpio.ts";

/** Reads an archive as Linux does: init/initramfs.c. */
function read(archive: Buffer): { path: string; mode: string; device: string; content: string }[] {
  const entries = [];
  for (let at = 0; ;) {
    assert.equal(archive.toString("latin1", at, at + 6), "070701");
    const field = (index: number) =>
      parseInt(archive.toString("latin1", at + 6 + 8 * index, at + 14 + 8 * index), 16);
    const [size, nameSize] = [field(6), field(11)];
    const path = archive.toString("utf8", at + 110, at + 110 + nameSize - 1);
    assert.equal(archive[at + 110 + nameSize - 1], 0);
    const content = Math.ceil((at + 110 + nameSize) / 4) * 4;
    if (path === "TRAILER!!!") return entries;
    assert.deepEqual([field(2), field(3), field(5)], [0, 0, 0], "owner, group, time");
    entries.push({
      path,
      mode: field(1).toString(8),
      device: `${field(9)}:${field(10)}`,
      content: archive.toString("utf8", content, content + size),
    });
    at = Math.ceil((content + size) / 4) * 4;
  }
}

test("cpioArchive writes folders, files and devices as Linux reads them", () => {
  const entries: CpioEntry[] = [
    { path: "dev", kind: "folder" },
    { path: "dev/console", kind: "character-device", major: 5, minor: 1 },
    { path: "init", kind: "file", content: Buffer.from("#!/bin/sh\n"), executable: true },
    { path: "empty", kind: "file", content: Buffer.alloc(0) },
    { path: "odd", kind: "file", content: Buffer.from("12345") },
  ];
  const archive = cpioArchive(entries);
  assert.deepEqual(read(archive), [
    { path: "dev", mode: "40755", device: "0:0", content: "" },
    { path: "dev/console", mode: "20600", device: "5:1", content: "" },
    { path: "init", mode: "100755", device: "0:0", content: "#!/bin/sh\n" },
    { path: "empty", mode: "100644", device: "0:0", content: "" },
    { path: "odd", mode: "100644", device: "0:0", content: "12345" },
  ]);
  assert.equal(archive.length % 4, 0);
});
