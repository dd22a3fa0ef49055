import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { egressRules, mayLookUp, rulesForName } from "./egress.ts";

describe("egressRules", () => {
  it("reads addresses, blocks and names, with and without ports", () => {
    const entries = ["internet", "203.0.113.7", "10.0.0.0/8:5432", "API.example.com:443-444"];
    assert.deepEqual(egressRules([...entries, "*.example.com"]), [
      { kind: "internet" },
      { kind: "block", block: "203.0.113.7", ports: null },
      { kind: "block", block: "10.0.0.0/8", ports: { from: 5432, to: 5432 } },
      { kind: "name", name: "api.example.com", ports: { from: 443, to: 444 } },
      { kind: "name", name: "*.example.com", ports: null },
    ]);
    assert.deepEqual(egressRules("none"), []);
    assert.deepEqual(egressRules("internet"), egressRules(["internet"]));
  });

  const refused: Readonly<Record<string, RegExp>> = {
    "10.0.0.1/8": /no bits beyond its prefix/,
    "10.0.0.0/33": /want "internet", an IPv4 address/,
    "256.0.0.1": /want "internet", an IPv4 address/,
    "api.example.com:0": /want a port or a range/,
    "api.example.com:9-8": /want a port or a range/,
    "api.example.com:65536": /want a port or a range/,
    "2001:db8::1": /IPv6 is closed/,
    "*": /want "internet"/,
    "a..b": /want "internet"/,
    "-a.example.com": /want "internet"/,
    "example.com; drop": /want "internet"/,
    none: /want it alone/,
    "": /want "internet"/,
    "127.0.0.1": /127\.0\.0\.0\/8: those are always closed/,
    "169.254.169.254:80": /169\.254\.0\.0\/16: those are always closed/,
    "0.0.0.0/0": /always closed/,
    "224.0.0.251": /always closed/,
  };
  for (const [entry, why] of Object.entries(refused)) {
    it(`refuses "${entry}" and says why`, () => {
      assert.throws(() => egressRules([entry]), { code: "invalid_request", message: why });
      assert.throws(
        () => egressRules([entry]),
        (error: Error) => error.message.includes(`"${entry}"`),
      );
    });
  }

  it("refuses more entries than a list may have", () => {
    const many = Array.from({ length: 65 }, (_, n) => `h${n}.example.com`);
    assert.throws(() => egressRules(many), /found 65 entries, want at most 64/);
    assert.equal(egressRules(many.slice(1)).length, 64);
  });
});

describe("names in a policy", () => {
  const rules = egressRules(["api.example.com", "*.example.com", "10.0.0.0/8", "*.other.org:443"]);

  it("are found where they are named, or below a name with an asterisk", () => {
    assert.deepEqual(rulesForName(rules, "api.example.com"), [0, 1]);
    assert.deepEqual(rulesForName(rules, "a.b.other.org"), [3]);
    for (const name of ["example.com", "badexample.com", "other.org", "example.com.evil.net"]) {
      assert.deepEqual(rulesForName(rules, name), [], name);
    }
  });

  it("may all be looked up where the Internet is open, and else those that are named", () => {
    assert.ok(mayLookUp(egressRules("internet"), "anything.net"));
    assert.ok(mayLookUp(rules, "x.example.com"));
    assert.ok(!mayLookUp(rules, "anything.net"));
    assert.ok(!mayLookUp(egressRules("none"), "api.example.com"));
  });
});
