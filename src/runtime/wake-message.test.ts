import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { clockBackMessage, clockMessage, wakeMessage } from "./wake-message.ts";

const now = new Date("2026-01-31T12:00:00.250Z");

function fieldsOf(message: Uint8Array) {
  const bytes = Buffer.from(message);
  const text = (from: number, to: number) =>
    bytes.toString("latin1", from, to).replace(/\0[^]*$/, "");
  return {
    size: bytes.length,
    ms: Number(bytes.readBigInt64LE(0)) * 1000 + Number(bytes.readBigInt64LE(8)) / 1e6,
    bits: bytes.readInt32LE(16),
    entropy: bytes.subarray(24, 24 + bytes.readInt32LE(20)),
    passOn: bytes.readInt32LE(88),
    name: text(92, 172),
    token: text(172, 216),
  };
}

describe("wake messages", () => {
  it("carry time, entropy, name and token to a clone", () => {
    const wake = { now, instance: "fn-hello-550e8400-2", token: "t".repeat(43) };
    const { entropy, ...fields } = fieldsOf(wakeMessage(wake));
    assert.deepEqual(fields, {
      size: 216,
      ms: now.getTime(),
      bits: 512,
      passOn: 1,
      name: wake.instance,
      token: wake.token,
    });
    assert.equal(entropy.length, 64);
    assert.notDeepEqual(fieldsOf(wakeMessage(wake)).entropy, entropy);
  });

  it("leave room for the byte that ends a name", () => {
    const instance = "x".repeat(100);
    assert.equal(fieldsOf(wakeMessage({ now, instance, token: "t" })).name, "x".repeat(79));
  });

  it("set a clock far back, and tell the server", () => {
    const { ms, bits, passOn, name, token } = fieldsOf(clockBackMessage());
    assert.deepEqual([ms, bits, passOn, name, token], [Date.UTC(2000, 0, 1), 0, 1, "", ""]);
  });

  it("set a clock and tell nobody", () => {
    const { ms, bits, passOn } = fieldsOf(clockMessage(now));
    assert.deepEqual([ms, bits, passOn], [now.getTime(), 0, 0]);
  });
});
