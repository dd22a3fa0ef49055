import { encodeFrame, type Frame, FrameReader } from "../../src/agent/frames.ts";
import type { AgentLine } from "../../src/ports/vm-driver.ts";

/** A line whose other end is a test. */
export class FakeLine implements AgentLine {
  /** What the host sent, in order. */
  readonly sent: Frame[] = [];
  closed = false;
  /** What each further `send` waits for. */
  room: Promise<void> = Promise.resolve();
  readonly #reader = new FrameReader();
  #take: (bytes: Uint8Array) => void = () => undefined;

  send(bytes: Uint8Array): Promise<void> {
    this.sent.push(...this.#reader.read(bytes));
    return this.room;
  }

  receive(take: (bytes: Uint8Array) => void): void {
    this.#take = take;
  }

  close(): void {
    this.closed = true;
  }

  /** Says bytes as the guest; as on a real line, nobody hears them once it is closed. */
  sayBytes(bytes: Uint8Array): void {
    if (!this.closed) this.#take(bytes);
  }

  say(kind: number, terminal: number, payload: Uint8Array | string = ""): void {
    this.sayBytes(encodeFrame(kind, terminal, Buffer.from(payload)));
  }

  /** The payloads of the frames of one kind that were sent about a terminal. */
  payloads(kind: number, terminal: number): Buffer[] {
    return this.sent
      .filter((frame) => frame.kind === kind && frame.terminal === terminal)
      .map(({ payload }) => payload);
  }
}

/** A number as frames have it. */
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
