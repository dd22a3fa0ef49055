/**
 * Lets programs outside of a network namespace reach a port of its loopback: node
 * namespace-relay.ts SOCKET PORT, started inside, passes on what connects to the Unix socket.
 */
import { once } from "node:events";
import { connect, createServer } from "node:net";

const [, , path = "", port = ""] = process.argv;

const server = createServer((from) => {
  const to = connect({ host: "127.0.0.1", port: Number(port) });
  from.pipe(to).pipe(from);
  for (const [one, other] of [
    [from, to],
    [to, from],
  ] as const) {
    one.on("error", () => other.destroy());
    one.on("close", () => other.destroy());
  }
});
await once(server.listen(path), "listening");
process.stdout.write("ready\n");
