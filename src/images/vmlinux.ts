import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { PlatformError } from "../core/errors.ts";
import { decompressLz4Legacy } from "./lz4.ts";

/** How a kernel's payload begins, and what reads it. */
const decompressors: readonly {
  magic: string;
  name: string;
  decompress?: (payload: Buffer) => Buffer;
}[] = [
  { magic: "02214c18", name: "lz4", decompress: decompressLz4Legacy },
  { magic: "1f8b", name: "gzip", decompress: (payload) => gunzipSync(payload) },
  { magic: "28b52ffd", name: "zstd", decompress: (payload) => zstdDecompressSync(payload) },
  { magic: "7f454c46", name: "none", decompress: (payload) => payload },
  { magic: "fd377a58", name: "xz" },
  { magic: "425a68", name: "bzip2" },
  { magic: "5d0000", name: "lzma" },
  { magic: "89", name: "lzo" },
];

/** Offsets in the setup header of an x86 bzImage (Linux, Documentation/arch/x86/boot.rst). */
const setupHeader = { sectors: 0x1f1, magic: 0x202, payloadOffset: 0x248, payloadLength: 0x24c };

/**
 * Cuts the uncompressed ELF kernel out of an x86 `vmlinuz`: Firecracker takes nothing else, and
 * under software emulation it saves the guest from decompressing itself. Throws
 * `image_build_failed` for a file that is no bzImage or is compressed in another way.
 */
export function extractVmlinux(vmlinuz: Buffer): Buffer {
  if (vmlinuz.toString("latin1", setupHeader.magic, setupHeader.magic + 4) !== "HdrS") {
    throw new PlatformError(
      "image_build_failed",
      "Cannot extract the kernel: it is no x86 bzImage",
    );
  }
  const setupBytes = ((vmlinuz[setupHeader.sectors] || 4) + 1) * 512;
  const start = setupBytes + vmlinuz.readUInt32LE(setupHeader.payloadOffset);
  const payload = vmlinuz.subarray(start, start + vmlinuz.readUInt32LE(setupHeader.payloadLength));

  const format = decompressors.find(
    ({ magic }) => payload.toString("hex", 0, magic.length / 2) === magic,
  );
  if (format?.decompress === undefined) {
    throw new PlatformError(
      "image_build_failed",
      `Cannot extract the kernel: it is compressed with ${format?.name ?? "something unknown"}, and only lz4, gzip and zstd are read`,
    );
  }
  const kernel = format.decompress(payload);
  if (kernel.toString("hex", 0, 4) !== "7f454c46") {
    throw new PlatformError(
      "image_build_failed",
      "Cannot extract the kernel: what was decompressed is no ELF file",
    );
  }
  return kernel;
}
