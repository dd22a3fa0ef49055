/** The magic number of the "legacy frame" that `lz4 -l` writes, which is what Linux compresses its kernels with. */
export const lz4LegacyMagic = 0x184c2102;

/** The largest uncompressed block of a legacy frame, in bytes. */
const blockBytes = 8 * 1024 * 1024;

/**
 * Decompresses an LZ4 legacy frame. Node's zlib has no LZ4, and the format is small enough to
 * read here: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md (Legacy frame) and
 * lz4_Block_format.md beside it. Throws a RangeError on data that is not LZ4.
 */
export function decompressLz4Legacy(frame: Buffer): Buffer {
  if (frame.length < 8 || frame.readUInt32LE(0) !== lz4LegacyMagic) {
    throw new RangeError("Cannot decompress: this is no LZ4 legacy frame");
  }
  const blocks: Buffer[] = [];
  let at = 4;
  while (at + 4 <= frame.length) {
    const size = frame.readUInt32LE(at);
    // The kernel appends the uncompressed size of the whole: it is read as the size of a last block that is not there.
    if (size === 0 || at + 4 + size > frame.length) break;
    blocks.push(decompressBlock(frame.subarray(at + 4, at + 4 + size)));
    at += 4 + size;
  }
  return Buffer.concat(blocks);
}

function decompressBlock(source: Buffer): Buffer {
  const target = Buffer.allocUnsafe(blockBytes);
  let from = 0;
  let to = 0;

  const extendedLength = (nibble: number): number => {
    let length = nibble;
    if (nibble === 15) {
      let more: number;
      do {
        more = byteAt(source, from++);
        length += more;
      } while (more === 255);
    }
    return length;
  };

  while (from < source.length) {
    const token = byteAt(source, from++);
    const literals = extendedLength(token >> 4);
    if (from + literals > source.length || to + literals > blockBytes) throw corrupt();
    source.copy(target, to, from, from + literals);
    from += literals;
    to += literals;
    if (from === source.length) break; // the last sequence has literals only

    const offset = byteAt(source, from++) | (byteAt(source, from++) << 8);
    const match = extendedLength(token & 15) + 4;
    if (offset === 0 || offset > to || to + match > blockBytes) throw corrupt();
    copyMatch(target, to, { offset, length: match });
    to += match;
  }
  return target.subarray(0, to);
}

/** A match may overlap what it writes: that is how LZ4 repeats a short pattern. */
function copyMatch(target: Buffer, to: number, match: { offset: number; length: number }): void {
  const { offset, length } = match;
  if (offset >= length) {
    target.copyWithin(to, to - offset, to - offset + length);
    return;
  }
  for (let at = to; at < to + length; at++) target[at] = target[at - offset] ?? 0;
}

function byteAt(source: Buffer, at: number): number {
  const byte = source[at];
  if (byte === undefined) throw corrupt();
  return byte;
}

function corrupt(): RangeError {
  return new RangeError("Cannot decompress: the LZ4 data is corrupt");
}
