import { finished } from "node:stream/promises";
import { styleText } from "node:util";

export type Style = Parameters<typeof styleText>[0];

/** A stream that may be a terminal; `process.stdout` is one. */
export interface OutputStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** Of a terminal, in characters. */
export interface TerminalSize {
  readonly cols: number;
  readonly rows: number;
}

/**
 * What a command says: its result on standard output, everything else on standard error. With
 * `json` the result is one JSON document and nothing else is written to standard output.
 */
export class Output {
  readonly json: boolean;
  readonly #stdout: OutputStream;
  readonly #stderr: OutputStream;
  #statusShown = false;
  #lastStatus = "";

  constructor(options: { json: boolean; stdout: OutputStream; stderr: OutputStream }) {
    this.json = options.json;
    this.#stdout = options.stdout;
    this.#stderr = options.stderr;
  }

  /** Whether a person is watching standard error. Recorders of terminals have no width at all. */
  get interactive(): boolean {
    return this.#stderr.isTTY === true && this.#stderr.columns !== 0;
  }

  /** Columns of the terminal; null where lines may be as long as they are. */
  get width(): number | null {
    return this.#stdout.isTTY === true ? this.#stdout.columns || null : null;
  }

  /** Of the terminal that standard output is; null where it is none. */
  get size(): TerminalSize | null {
    const { isTTY, columns: cols, rows } = this.#stdout;
    return isTTY === true && cols && rows ? { cols, rows } : null;
  }

  /** Calls `take` when that changes, until it is told to stop. */
  onResize(take: (size: TerminalSize) => void): () => void {
    const changed = () => {
      if (this.size !== null) take(this.size);
    };
    this.#stdout.on("resize", changed);
    return () => void this.#stdout.off("resize", changed);
  }

  /** Writes everything that comes to standard output as it is; resolves, never rejects, at its end. */
  async copy(stream: NodeJS.ReadableStream): Promise<void> {
    stream.pipe(this.#stdout, { end: false });
    await finished(stream, { writable: false }).catch(() => undefined);
  }

  /** Writes the result: as JSON with `--json`, otherwise as `render` puts it for people. */
  result(value: unknown, render: () => string): void {
    this.#clearStatus();
    const text = this.json ? JSON.stringify(value, null, 2) : render();
    if (text !== "") this.#stdout.write(`${text}\n`);
  }

  /** Writes one of many results, as it comes: with `--json` on one line. */
  entry(value: unknown, render: () => string): void {
    this.raw(`${this.json ? JSON.stringify(value) : render()}\n`);
  }

  /** Writes text to standard output as it is, to be stored or piped. */
  raw(text: string): void {
    this.#clearStatus();
    this.#stdout.write(text);
  }

  /** A line for the person who waits; not part of the result. */
  note(text: string): void {
    this.#clearStatus();
    this.#stderr.write(`${text}\n`);
  }

  /** What is going on: one line that changes on a terminal, a line for each change elsewhere. */
  status(text: string, detail = ""): void {
    if (this.interactive) {
      this.#stderr.write(`\r\u001b[K${this.paint("dim", `${text}${detail}`)}`);
      this.#statusShown = true;
    } else if (text !== this.#lastStatus) {
      this.#stderr.write(`${text}\n`);
    }
    this.#lastStatus = text;
  }

  /** Colours text for standard error, where that shows colours and `NO_COLOR` is not set. */
  paint(style: Style, text: string): string {
    return styleText(style, text, { stream: this.#stderr });
  }

  /** Colours text for standard output likewise. */
  paintResult(style: Style, text: string): string {
    return styleText(style, text, { stream: this.#stdout });
  }

  /**
   * Text from a guest, fit to be shown: control characters, which could move the cursor or change
   * the terminal's settings, become visible escapes. Pipes and files get the text as it is.
   */
  guestText(text: string): string {
    return this.#stdout.isTTY === true || this.interactive ? escapeControls(text) : text;
  }

  #clearStatus(): void {
    if (this.#statusShown) this.#stderr.write("\r\u001b[K");
    this.#statusShown = false;
  }
}

/** Makes control characters other than newline and tab visible. */
export function escapeControls(text: string): string {
  return text.replace(
    // oxlint-disable-next-line no-control-regex -- they are what is looked for
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g,
    (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}
