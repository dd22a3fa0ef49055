/** The kinds of frames of docs/agent-protocol.md: the first six go to the agent, `credit` both ways. */
export const frameKinds = {
  measure: 1,
  open: 2,
  input: 3,
  resize: 4,
  credit: 5,
  close: 6,
  figures: 7,
  output: 8,
  ended: 9,
} as const;

/** What follows a header at most. */
export const maxPayloadBytes = 16 * 1024;

const headerBytes = 8;

/** One message over the line; its numbers are little-endian there. */
export interface Frame {
  readonly kind: number;
  /** From 1; 0 where it is about none. */
  readonly terminal: number;
  /** The receiver's own. */
  readonly payload: Buffer;
}

/** What came is no frame, or none that makes sense now. The message says what was found, and wanted. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

/** A frame as it goes over the line. */
export function encodeFrame(
  kind: number,
  terminal: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const frame = Buffer.alloc(headerBytes + payload.length);
  frame.writeUInt32LE(payload.length, 0);
  frame.writeUInt16LE(kind, 4);
  frame.writeUInt16LE(terminal, 6);
  frame.set(payload, headerBytes);
  return frame;
}

/** Puts frames together, however they are cut into pieces; holds no more than one. */
export class FrameReader {
  readonly #frame = Buffer.alloc(headerBytes + maxPayloadBytes);
  #length = 0;

  /** The frames that are whole with `chunk`. Throws `ProtocolError` at one that is too long. */
  *read(chunk: Uint8Array): Generator<Frame, void> {
    let rest = chunk;
    for (;;) {
      rest = this.#take(rest, headerBytes);
      if (this.#length < headerBytes) return;
      const length = this.#frame.readUInt32LE(0);
      if (length > maxPayloadBytes) {
        throw new ProtocolError(
          `found a frame of ${length} bytes, want ${maxPayloadBytes} at most`,
        );
      }
      rest = this.#take(rest, headerBytes + length);
      if (this.#length < headerBytes + length) return;
      this.#length = 0;
      const payload = Buffer.from(this.#frame.subarray(headerBytes, headerBytes + length));
      const [kind, terminal] = [this.#frame.readUInt16LE(4), this.#frame.readUInt16LE(6)];
      yield { kind, terminal, payload };
    }
  }

  /** Takes of `bytes` what is missing of the frame's first `wanted`; the rest is returned. */
  #take(bytes: Uint8Array, wanted: number): Uint8Array {
    const taken = bytes.subarray(0, Math.max(0, wanted - this.#length));
    this.#frame.set(taken, this.#length);
    this.#length += taken.length;
    return bytes.subarray(taken.length);
  }
}
