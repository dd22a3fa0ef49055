import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { bzImage, lz4Frame, lz4Literals } from "../../test/support/kernel-files.ts";
import { decompressLz4Legacy } from "./lz4.ts";
import { extractVmlinux } from "./vmlinux.ts";

const kernel = Buffer.concat([Buffer.from("\x7fELF", "latin1"), Buffer.alloc(1000, "kernel ")]);

for (const [name, compress] of [
  ["lz4", lz4Literals],
  ["gzip", gzipSync],
  ["zstd", zstdCompressSync],
  ["nothing", (content: Buffer) => content],
] as const) {
  test(`extractVmlinux cuts out a kernel compressed with ${name}`, () => {
    assert.deepEqual(extractVmlinux(bzImage(compress(kernel))), kernel);
  });
}

test("extractVmlinux names a compression that it cannot read", () => {
  const xz = Buffer.from("fd377a585a0000", "hex");
  assert.throws(() => extractVmlinux(bzImage(xz)), {
    code: "image_build_failed",
    message:
      "Cannot extract the kernel: it is compressed with xz, and only lz4, gzip and zstd are read",
  });
});

test("extractVmlinux refuses what is no kernel, outside or inside", () => {
  assert.throws(() => extractVmlinux(Buffer.alloc(4096)), { message: /it is no x86 bzImage$/ });
  assert.throws(() => extractVmlinux(Buffer.from("short")), { message: /it is no x86 bzImage$/ });
  const notElf = bzImage(gzipSync("hello"));
  assert.throws(() => extractVmlinux(notElf), { message: /what was decompressed is no ELF file$/ });
});

test("decompressLz4Legacy repeats what lies before, also what it is writing", () => {
  // "ab", then 8 bytes from 2 back, then the literals "c" that end a block; after it another block.
  const repeat = Buffer.from([0x24, 0x61, 0x62, 2, 0, 0x10, 0x63]);
  // "x", then 4 + 15 + 3 bytes from 1 back, and "y".
  const long = Buffer.from([0x1f, 0x78, 1, 0, 3, 0x10, 0x79]);
  const frame = lz4Frame([repeat, long], 35);
  assert.equal(decompressLz4Legacy(frame).toString(), `${"ab".repeat(5)}c${"x".repeat(23)}y`);
});

test("decompressLz4Legacy refuses data that points outside of itself", () => {
  const before = Buffer.from([0x14, 0x61, 2, 0, 0x10, 0x63]);
  const beyond = Buffer.from([0xf0, 0xff]);
  for (const block of [before, beyond]) {
    assert.throws(() => decompressLz4Legacy(lz4Frame([block], 10)), {
      message: "Cannot decompress: the LZ4 data is corrupt",
    });
  }
  assert.throws(() => decompressLz4Legacy(Buffer.from("plain text")), { name: "RangeError" });
});
