import { once } from "node:events";
import { constants } from "node:fs";
import { chmod, open } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** Connects to a unix socket as soon as it is there. */
export async function connectTo(path: string, signal: AbortSignal): Promise<Socket> {
  for (;;) {
    signal.throwIfAborted();
    const socket = connect({ path });
    try {
      await once(socket, "connect");
    } catch {
      // A program that starts makes its sockets when it gets to it.
      await sleep(5, undefined, { signal });
      continue;
    }
    // Whoever waits for something on it hears of an error; when nobody does, nothing is lost.
    socket.on("error", () => undefined);
    return socket;
  }
}

/** Breaks a connection, with the reason of `signal`, where that aborts before this is disposed of. */
export function breakOn(socket: Socket, signal: AbortSignal): Disposable {
  const stop = () => socket.destroy(signal.reason as Error);
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener("abort", stop) };
}

/** Linux's O_PATH, which Node does not name: a descriptor for what a path leads to, whatever it is. */
const openPath = 0o10000000;

/**
 * Lets nobody but its owner connect to a VM's control socket. The folder is the VM's own, so a
 * link put in the socket's place must not lead the manager elsewhere.
 */
export async function restrictSocket(path: string): Promise<void> {
  const file = await open(path, openPath | constants.O_NOFOLLOW);
  try {
    if ((await file.stat()).isSocket()) await chmod(`/proc/self/fd/${file.fd}`, 0o600);
  } finally {
    await file.close();
  }
}
