/** An entry of a cpio archive: a folder, a file, or the console device. */
export type CpioEntry =
  | { readonly path: string; readonly kind: "folder" }
  | {
      readonly path: string;
      readonly kind: "file";
      readonly content: Buffer;
      readonly executable?: boolean;
    }
  | {
      readonly path: string;
      readonly kind: "character-device";
      readonly major: number;
      readonly minor: number;
    };

const modes = { folder: 0o040755, "character-device": 0o020600 } as const;

/**
 * An archive as Linux unpacks it for an initramfs (format "newc", Linux:
 * Documentation/driver-api/early-userspace/buffer-format.rst), in the order of the entries. Owners
 * are root and times are zero, so the same entries give the same bytes.
 */
export function cpioArchive(entries: readonly CpioEntry[]): Buffer {
  const records = entries.map((entry, index) => record(entry, index + 1));
  const trailer = record({ path: "TRAILER!!!", kind: "file", content: Buffer.alloc(0) }, 0);
  return Buffer.concat([...records, trailer]);
}

function record(entry: CpioEntry, inode: number): Buffer {
  const content = entry.kind === "file" ? entry.content : Buffer.alloc(0);
  const device = entry.kind === "character-device" ? entry : { major: 0, minor: 0 };
  const mode =
    entry.kind === "file" ? (entry.executable === true ? 0o100755 : 0o100644) : modes[entry.kind];
  const name = Buffer.from(`${entry.path}\0`);
  const fields = [
    inode,
    mode,
    0, // owner
    0, // group
    entry.kind === "folder" ? 2 : 1, // links
    0, // time of change
    content.length,
    0, // device it lies on, major and minor
    0,
    device.major,
    device.minor,
    name.length,
    0, // checksum, which this format does not have
  ];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
  return Buffer.concat([padded(Buffer.concat([Buffer.from(header), name])), padded(content)]);
}

/** Headers and contents begin at multiples of four bytes. */
function padded(part: Buffer): Buffer {
  return Buffer.concat([part, Buffer.alloc((4 - (part.length % 4)) % 4)]);
}
