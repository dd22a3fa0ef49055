import { stripVTControlCharacters } from "node:util";

const keptBytes = 8 * 1024;

/** The end of a program's output, in memory, and the means to wait for a text in it. */
export class OutputTail {
  #bytes: Buffer = Buffer.alloc(0);
  readonly #awaited = new Map<string, () => void>();

  push(chunk: Buffer): void {
    const joined = Buffer.concat([this.#bytes, chunk]);
    for (const [text, found] of this.#awaited) {
      if (!joined.includes(text)) continue;
      this.#awaited.delete(text);
      found();
    }
    // A copy, because a slice would keep all of the chunk.
    this.#bytes = Buffer.from(joined.subarray(-keptBytes));
  }

  /** Resolves when `text` goes by, or has gone by lately; never rejects. */
  seen(text: string): Promise<void> {
    if (this.#bytes.includes(text)) return Promise.resolve();
    return new Promise((resolve) => this.#awaited.set(text, resolve));
  }

  /** The last lines, at most `maxLength` characters, as `printable` text. */
  lastLines(maxLength = 1_500): string {
    const text = printable(this.#bytes).trim();
    if (text.length <= maxLength) return text;
    const cut = text.slice(-maxLength);
    return cut.slice(cut.indexOf("\n") + 1);
  }
}

/**
 * Bytes from a guest as text that is safe to show: what is not UTF-8 is replaced, terminal
 * sequences and control characters but tab and newline are left out.
 */
export function printable(bytes: Buffer): string {
  return (
    stripVTControlCharacters(bytes.toString("utf8"))
      .replaceAll("\r\n", "\n")
      // oxlint-disable-next-line no-control-regex -- these are what is to be left out
      .replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "")
  );
}
