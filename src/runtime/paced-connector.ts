import { connect, type Socket } from "node:net";
import type { buildConnector } from "undici";

/** How long the first try to connect may take; each further one may take twice as long. */
const firstTryMs = 5;
const longestTryMs = 500;
/** After this long somebody else has to find out what became of the guest. */
const giveUpMs = 10_000;

/**
 * Opens connections to one guest, one after another.
 *
 * QEMU's user network listens with a backlog of 1 (libslirp). In a burst the kernel answers SYNs
 * that it then has no room for: the caller holds connections that nobody will ever accept, and its
 * data is retransmitted for half a minute. When they come singly a full queue shows as a SYN
 * without an answer, which is cheap to try again; the kernel itself would wait a second.
 */
export function pacedConnector(): buildConnector.connector {
  let turn: Promise<unknown> = Promise.resolve();
  return ({ hostname, port }, callback) => {
    const opened = turn.then(() => openConnection(hostname, Number(port)));
    turn = opened.catch(() => undefined);
    /* oxlint-disable promise/no-callback-in-promise -- undici wants a callback */
    opened.then(
      (socket) => callback(null, socket),
      (error: Error) => callback(error, null),
    );
  };
}

async function openConnection(host: string, port: number): Promise<Socket> {
  const startMs = performance.now();
  for (let tryMs = firstTryMs; ; tryMs = Math.min(2 * tryMs, longestTryMs)) {
    const socket = await tryConnection(host, port, tryMs);
    if (socket !== null) return socket;
    if (performance.now() - startMs > giveUpMs) {
      throw new Error(`connect ETIMEDOUT ${host}:${port}: no answer within ${giveUpMs} ms`);
    }
  }
}

/** Resolves to null where nobody answered in time; rejects where the answer was no. */
function tryConnection(host: string, port: number, limitMs: number): Promise<Socket | null> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true });
    const limit = setTimeout(() => {
      socket.destroy();
      resolve(null);
    }, limitMs);
    socket.once("error", (error) => {
      clearTimeout(limit);
      reject(error);
    });
    socket.once("connect", () => {
      clearTimeout(limit);
      socket.removeAllListeners("error");
      resolve(socket);
    });
  });
}
