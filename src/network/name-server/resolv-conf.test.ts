import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseResolvConf, readResolvConf } from "./resolv-conf.ts";

const addresses = (text: string) => parseResolvConf(text).map(({ address }) => address);

describe("parseResolvConf", () => {
  it("takes the name servers in their order, IPv6 with a scope too, all at port 53", () => {
    const text =
      "search example.com\nnameserver 192.0.2.1\nnameserver\tfe80::1%eth0  \nnameserver 2001:db8::1";
    assert.deepEqual(addresses(text), ["192.0.2.1", "fe80::1%eth0", "2001:db8::1"]);
    assert.ok(parseResolvConf(text).every(({ port }) => port === 53));
  });

  it("passes over comments, other lines and what is no address", () => {
    const text =
      "# nameserver 192.0.2.1\n;nameserver 192.0.2.2\n nameserver 192.0.2.3\nnameserver\nnameserver localhost\nnameservers 192.0.2.4\noptions edns0\nnameserver 192.0.2.5 # ours\r\n";
    assert.deepEqual(addresses(text), ["192.0.2.5"]);
  });

  it("takes the first three, as the C library does", () => {
    const text = [1, 2, 3, 4].map((last) => `nameserver 192.0.2.${last}`).join("\n");
    assert.deepEqual(addresses(text), ["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
  });

  it("takes this host where none is named", () => {
    assert.deepEqual(addresses(""), ["127.0.0.1"]);
    assert.deepEqual(addresses("search example.com\n"), ["127.0.0.1"]);
  });
});

describe("readResolvConf", () => {
  it("takes this host where the file is not there", async () => {
    const servers = await readResolvConf("/nonexistent/resolv.conf");
    assert.deepEqual(servers, [{ address: "127.0.0.1", port: 53 }]);
  });
});
