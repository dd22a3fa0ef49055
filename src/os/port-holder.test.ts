import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import { portHolder, whyNotListen } from "./port-holder.ts";

test("a port that is taken: why, and by whom", async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  assert.equal(await whyNotListen("127.0.0.1", port), "EADDRINUSE");
  assert.match(portHolder(port)!, new RegExp(`^node.* \\(process ${process.pid}\\)$`));
  server.close();
  await once(server, "close");
  assert.equal(await whyNotListen("127.0.0.1", port), null);
  assert.equal(portHolder(port), null);
});

test("an address that is not this machine's", async () => {
  assert.equal(await whyNotListen("192.0.2.1", 0), "EADDRNOTAVAIL");
});
