import type { Terminal, TerminalOptions, TerminalSize } from "../ports/guest-agent.ts";
import { frameKinds, maxPayloadBytes, ProtocolError } from "./frames.ts";

/** How much may be on its way in each direction: what was sent and not taken yet. */
export const windowBytes = 64 * 1024;

/** Sends a frame about one terminal; resolves when it is on its way, and never rejects. */
export type SendFrame = (kind: number, payload?: Uint8Array) => Promise<void>;

/** What somebody typed, as far as the guest has no room for it. */
interface Typed {
  rest: Uint8Array;
  readonly sent: () => void;
}

/** The host's side of one terminal; opens it. */
export class LineTerminal implements Terminal {
  readonly ended: Promise<number | null>;
  readonly #send: SendFrame;
  readonly #onOutput: TerminalOptions["onOutput"];
  readonly #typed: Typed[] = [];
  /** Bytes that the guest still takes. */
  #room = windowBytes;
  /** Output that waits for what came before it to be taken; one piece, however small they came. */
  readonly #waiting = Buffer.alloc(windowBytes);
  #waitingBytes = 0;
  /** Bytes of output that were not taken yet: those that wait, and those that are handed over now. */
  #untakenBytes = 0;
  #passing: Promise<void> | undefined;
  /** The size that was not sent yet, where one before it is on its way. */
  #nextSize: TerminalSize | undefined;
  #isResizing = false;
  /** `closed`: by its owner; what its programs print is of no interest any more. */
  #state: "open" | "closed" | "ended" = "open";
  #end: (status: number | null) => void = () => undefined;

  constructor(send: SendFrame, options: TerminalOptions) {
    this.#send = send;
    this.#onOutput = options.onOutput;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    void this.#send(frameKinds.open, encodeOpening(options));
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#state !== "open" || bytes.length === 0) return Promise.resolve();
    return new Promise((sent) => {
      this.#typed.push({ rest: bytes, sent });
      this.#sendTyped();
    });
  }

  resize(size: TerminalSize): void {
    this.#nextSize = size;
    // A guest that reads nothing must not make sizes pile up: only the newest counts.
    if (!this.#isResizing) void this.#sendSizes();
  }

  close(): void {
    if (this.#state !== "open") return;
    this.#stop("closed");
    this.#waitingBytes = 0;
    void this.#send(frameKinds.close);
  }

  /** Takes what the guest printed. Throws `ProtocolError` for more than it may. */
  print(bytes: Uint8Array): void {
    const untaken = this.#untakenBytes + bytes.length;
    if (bytes.length === 0 || untaken > windowBytes) {
      throw new ProtocolError(`found ${untaken} bytes of output, want 1 to ${windowBytes}`);
    }
    this.#untakenBytes = untaken;
    if (this.#state !== "open") return;
    this.#waiting.set(bytes, this.#waitingBytes);
    this.#waitingBytes += bytes.length;
    this.#passing ??= this.#passOn();
  }

  /** Learns that the guest has read so much. Throws `ProtocolError` for more than it got. */
  addRoom(bytes: number): void {
    if (bytes === 0 || bytes > windowBytes - this.#room) {
      const wanted = windowBytes - this.#room;
      throw new ProtocolError(`found credit for ${bytes} bytes, want 1 to ${wanted}`);
    }
    this.#room += bytes;
    this.#sendTyped();
  }

  /**
   * Learns that its shell has ended, or where `status` is null, that the line broke. What was
   * printed before is handed over first, but where nobody can know whether it was all.
   */
  finish(status: number | null): void {
    const isWanted = this.#state === "open" && status !== null;
    this.#stop("ended");
    if (!isWanted || this.#passing === undefined) return this.#end(status);
    void this.#passing.then(() => this.#end(status));
  }

  #stop(state: "closed" | "ended"): void {
    this.#state = state;
    for (const { sent } of this.#typed.splice(0)) sent();
  }

  async #passOn(): Promise<void> {
    while (this.#waitingBytes > 0) {
      const bytes = Buffer.from(this.#waiting.subarray(0, this.#waitingBytes));
      this.#waitingBytes = 0;
      await this.#onOutput(bytes);
      this.#untakenBytes -= bytes.length;
      if (this.#state === "open") void this.#send(frameKinds.credit, encodeCount(bytes.length));
    }
    this.#passing = undefined;
  }

  #sendTyped(): void {
    for (let next = this.#typed[0]; next !== undefined && this.#room > 0; next = this.#typed[0]) {
      const part = next.rest.subarray(0, Math.min(this.#room, maxPayloadBytes));
      this.#room -= part.length;
      void this.#send(frameKinds.input, part);
      next.rest = next.rest.subarray(part.length);
      if (next.rest.length > 0) continue;
      this.#typed.shift();
      next.sent();
    }
  }

  async #sendSizes(): Promise<void> {
    this.#isResizing = true;
    for (let size = this.#nextSize; size !== undefined; size = this.#nextSize) {
      this.#nextSize = undefined;
      if (this.#state === "open") await this.#send(frameKinds.resize, encodeSize(size));
    }
    this.#isResizing = false;
  }
}

function encodeSize({ columns, rows }: TerminalSize): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt16LE(columns, 0);
  payload.writeUInt16LE(rows, 2);
  return payload;
}

function encodeCount(value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32LE(value);
  return payload;
}

/** The size, whether it is welcome, and 64 bytes with the password and zeros. */
function encodeOpening(options: TerminalOptions): Buffer {
  const password = Buffer.alloc(64);
  if (Buffer.byteLength(options.password) >= password.length) {
    throw new RangeError(`A password may have at most ${password.length - 1} bytes`);
  }
  password.write(options.password);
  return Buffer.concat([encodeSize(options), encodeCount(options.welcome ? 1 : 0), password]);
}
