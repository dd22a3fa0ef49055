import { randomBytes } from "node:crypto";
import type { Wake } from "../ports/runtime-client.ts";

/** The messages of "The wake channel" in docs/runtime-protocol.md. */

const messageBytes = 216;
const entropyBytes = 64;
const longest = { name: 79, token: 43 };

/** Any time long before a snapshot will do; see `freeze` in docs/runtime-protocol.md. */
const longAgo = new Date(Date.UTC(2000, 0, 1));

/** The clone takes on its identity, fresh entropy and the time. */
export function wakeMessage({ now, instance, token }: Wake): Uint8Array {
  const message = timeMessage(now);
  message.writeInt32LE(8 * entropyBytes, 16);
  message.writeInt32LE(entropyBytes, 20);
  randomBytes(entropyBytes).copy(message, 24);
  message.writeInt32LE(1, 88);
  writeText(message, 92, instance.slice(0, longest.name));
  writeText(message, 172, token.slice(0, longest.token));
  return message;
}

/** The server hears that its clock was set far back. */
export function clockBackMessage(): Uint8Array {
  const message = timeMessage(longAgo);
  message.writeInt32LE(1, 88);
  return message;
}

/** The clock is set, and nothing else. */
export function clockMessage(now: Date): Uint8Array {
  return timeMessage(now);
}

function timeMessage(time: Date): Buffer {
  const ms = time.getTime();
  const message = Buffer.alloc(messageBytes);
  message.writeBigInt64LE(BigInt(Math.floor(ms / 1000)), 0);
  message.writeBigInt64LE(BigInt(ms - 1000 * Math.floor(ms / 1000)) * 1_000_000n, 8);
  return message;
}

/** Names and tokens are ASCII; the byte after them is 0 already. */
function writeText(message: Buffer, offset: number, text: string): void {
  message.write(text, offset, "latin1");
}
