import type { Socket } from "node:net";

/** How large a message by TCP can be, its length being a 16-bit number before it. */
export const maxFrameBytes = 65_535;

export function frame(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/**
 * The messages that come in by TCP (RFC 1035, section 4.2.2), until the other side ends; throws
 * where one is to be larger than `maxBytes`. The socket stays open for answers.
 */
export async function* framesOf(socket: Socket, maxBytes: number): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    while (rest.length >= 2) {
      const sizeBytes = rest.readUInt16BE(0);
      if (sizeBytes > maxBytes) throw new Error(`The message is larger than ${maxBytes} bytes`);
      if (rest.length < 2 + sizeBytes) break;
      yield rest.subarray(2, 2 + sizeBytes);
      rest = rest.subarray(2 + sizeBytes);
    }
  }
}
