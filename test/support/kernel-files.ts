/** An x86 bzImage around a compressed kernel, with as much of its header as is read. */
export function bzImage(payload: Buffer): Buffer {
  const setupSectors = 3;
  const image = Buffer.alloc((setupSectors + 1) * 512 + 16);
  image[0x1f1] = setupSectors;
  image.write("HdrS", 0x202, "latin1");
  image.writeUInt32LE(16, 0x248);
  image.writeUInt32LE(payload.length, 0x24c);
  return Buffer.concat([image, payload, Buffer.from("what follows the payload")]);
}

/** An LZ4 legacy frame of one block that has only literals, with Linux's size after it. */
export function lz4Literals(content: Buffer): Buffer {
  const lengths: number[] = [];
  let left = content.length - 15;
  for (; left >= 255; left -= 255) lengths.push(255);
  const token = left < 0 ? [content.length << 4] : [0xf0, ...lengths, left];
  return lz4Frame([Buffer.concat([Buffer.from(token), content])], content.length);
}

/** An LZ4 legacy frame of compressed blocks, with Linux's size after it. */
export function lz4Frame(blocks: readonly Buffer[], size: number): Buffer {
  return Buffer.concat([
    uint32(0x184c2102),
    ...blocks.flatMap((block) => [uint32(block.length), block]),
    uint32(size),
  ]);
}

/** What a kernel module says about itself, and nothing else. */
export function kernelModule(name: string, depends: readonly string[]): Buffer {
  return Buffer.from(
    `\x7fELF\0license=GPL\0depends=${depends.join(",")}\0name=${name}\0`,
    "latin1",
  );
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
