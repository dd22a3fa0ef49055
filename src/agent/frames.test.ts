import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { encodeFrame, type Frame, FrameReader, maxPayloadBytes, ProtocolError } from "./frames.ts";

/** Bytes, cut at `cuts`, which are taken modulo their number. */
function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...cuts.map((place) => place % (bytes.length + 1)), bytes.length];
  let start = 0;
  return places.toSorted((a, b) => a - b).map((end) => bytes.subarray(start, (start = end)));
}

const u16 = fc.integer({ min: 0, max: 65_535 });
const frame: fc.Arbitrary<Frame> = fc.record(
  {
    kind: u16,
    terminal: u16,
    payload: fc
      .oneof(fc.uint8Array({ maxLength: 40 }), fc.constant(new Uint8Array(maxPayloadBytes)))
      .map((bytes) => Buffer.from(bytes)),
  },
  { noNullPrototype: true },
);

describe("FrameReader", () => {
  it("gives the frames that were sent, however the stream is cut into pieces", () => {
    const cuts = fc.array(fc.nat(), { maxLength: 30 });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), cuts, (frames, places) => {
        const stream = Buffer.concat(
          frames.map(({ kind, terminal, payload }) => encodeFrame(kind, terminal, payload)),
        );
        const reader = new FrameReader();
        const read = cut(stream, places).flatMap((piece) => [...reader.read(piece)]);
        assert.deepEqual(read, frames);
      }),
    );
  });

  it("takes a frame byte by byte", () => {
    const reader = new FrameReader();
    const bytes = encodeFrame(8, 3, Buffer.from("word"));
    const read = [...bytes].flatMap((byte) => [...reader.read(Buffer.of(byte))]);
    assert.deepEqual(read, [{ kind: 8, terminal: 3, payload: Buffer.from("word") }]);
  });

  it("gives payloads that later pieces do not change", () => {
    const reader = new FrameReader();
    const [first] = reader.read(encodeFrame(8, 1, Buffer.from("first")));
    assert.deepEqual([...reader.read(encodeFrame(8, 1, Buffer.from("other")))].length, 1);
    assert.equal(first?.payload.toString(), "first");
  });

  it("refuses a frame that is too long at its header, and never waits for the rest of it", () => {
    const header = encodeFrame(8, 1);
    header.writeUInt32LE(maxPayloadBytes + 1, 0);
    assert.throws(() => [...new FrameReader().read(header)], ProtocolError);
    header.writeUInt32LE(0xff_ff_ff_ff, 0);
    assert.throws(() => [...new FrameReader().read(header)], /4294967295 bytes, want 16384/);
  });

  it("makes of any bytes frames that are short enough, or refuses them", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), (pieces) => {
        const reader = new FrameReader();
        try {
          for (const { payload } of pieces.flatMap((piece) => [...reader.read(piece)])) {
            assert.ok(payload.length <= maxPayloadBytes);
          }
        } catch (error) {
          assert.ok(error instanceof ProtocolError, String(error));
        }
      }),
    );
  });
});
