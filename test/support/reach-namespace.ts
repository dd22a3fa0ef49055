import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { ended, spawnWithin } from "./network-world.ts";
import { temporaryFolder } from "./package-sources.ts";
import { waitUntil } from "./wait-until.ts";

const relayProgram = fileURLToPath(new URL("namespace-relay.ts", import.meta.url));

/** A port of this process's loopback that leads to one of a namespace's. */
export interface Reach extends AsyncDisposable {
  readonly port: number;
}

/** Makes the port `port` of a network namespace's loopback reachable from here. */
export async function reachNamespace(namespace: string, port: number): Promise<Reach> {
  await using undo = new AsyncDisposableStack();
  const folder = undo.use(await temporaryFolder());
  const path = join(folder.path, "relay.sock");
  const relay = spawnWithin(namespace, relayProgram, path, String(port));
  undo.defer(() => ended(relay));
  let output = "";
  relay.stdout?.on("data", (text: Buffer) => (output += text.toString()));
  await waitUntil("the relay listens", () => output.includes("ready"), 20_000);

  const sockets = new Set<Socket>();
  const server = createServer((from) => {
    const to = connect(path);
    from.pipe(to).pipe(from);
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      sockets.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  undo.defer(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const parts = undo.move();
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}
