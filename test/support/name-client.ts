import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import { decode, encode, RECURSION_DESIRED, type DecodedPacket, type Packet } from "dns-packet";
import { frame, framesOf } from "../../src/network/name-server/framing.ts";

/** Where a query goes, and the address of this host that it comes from. */
export interface Route {
  readonly port: number;
  readonly from?: string;
}

const server = "127.0.0.1";

export function query(name: string, type = "A", more: Packet = {}): Buffer {
  const questions = [{ name, type }] as Packet["questions"];
  return encode({ type: "query", id: 4_711, flags: RECURSION_DESIRED, questions, ...more });
}

/** Sends bytes by UDP; resolves to the answer, or to null where none comes within `limitMs`. */
export async function askByUdp(
  { port, from = server }: Route,
  bytes: Buffer,
  limitMs = 10_000,
): Promise<DecodedPacket | null> {
  const socket = createSocket("udp4").bind({ address: from, port: 0 });
  try {
    await once(socket, "listening");
    socket.send(bytes, port, server);
    const [answer] = (await once(socket, "message", { signal: AbortSignal.timeout(limitMs) })) as [
      Buffer,
    ];
    return decode(answer);
  } catch (error) {
    if ((error as Error).name === "AbortError") return null;
    throw error;
  } finally {
    socket.close();
  }
}

/** Sends messages by TCP in one connection, and ends its side; resolves to what came, in its order. */
export async function askByTcp(
  { port, from = server }: Route,
  messages: readonly Buffer[],
): Promise<DecodedPacket[]> {
  const socket = connect({ host: server, port, localAddress: from });
  socket.on("error", () => undefined);
  socket.end(Buffer.concat(messages.map(frame)));
  const answers: DecodedPacket[] = [];
  try {
    for await (const answer of framesOf(socket, 65_535)) answers.push(decode(answer));
  } finally {
    socket.destroy();
  }
  return answers;
}

/** The code of an answer, and what its records hold. */
export function gist(packet: DecodedPacket | null | undefined): string {
  if (!packet) return "nothing";
  const codes = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP"];
  const data = (packet.answers ?? []).map((record) => ("data" in record ? record.data : ""));
  return [codes[(packet.flags ?? 0) & 15], ...data.map(String)].join(" ");
}
