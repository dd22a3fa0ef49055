import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { egressRules } from "../core/egress.ts";
import { openedBy, openingScript, policyScript, type SlotPolicy } from "./egress-rules.ts";

function policyOf(host: string[], ofFunction: string[], epoch = 1): SlotPolicy {
  return { epoch, host: egressRules(host), function: egressRules(ofFunction) };
}

const one = { address: "93.184.215.14", ttlSeconds: 300 };

describe("policyScript", () => {
  it("lets through what both allow, the operator first, and marks it with the epoch", () => {
    const lines = policyScript(policyOf(["internet"], ["10.0.0.0/8:5432"], 7), []).split("\n");
    assert.ok(
      lines.includes(
        "add rule inet firelet host_egress ip daddr != @not_internet goto function_egress",
      ),
    );
    assert.ok(
      lines.some((line) =>
        /function_egress ip daddr 10\.0\.0\.0\/8 th dport 5432-5432 ct mark set 7 .*accept$/.test(
          line,
        ),
      ),
    );
  });

  it("takes the names of the policy before out of the kernel, after the rules that use them", () => {
    const before = policyOf(["internet"], ["a.example.com"], 1);
    const lines = policyScript(policyOf(["internet"], ["b.example.com"], 2), [before]).split("\n");
    const at = (text: string) => lines.findIndex((line) => line.startsWith(text));
    assert.ok(
      at("flush chain inet firelet function_egress") < at("delete set inet firelet function_1_0"),
    );
    assert.ok(at("add set inet firelet function_2_0") > 0);
  });
});

describe("openedBy", () => {
  it("opens a name's addresses for all rules that have it, for a minute to an hour", () => {
    const names = ["api.example.com:443", "*.example.com:80", "api.example.com:444"];
    const policy = policyOf(["*.example.com"], names);
    assert.deepEqual(
      openedBy(policy, "api.example.com", [
        one,
        { ...one, ttlSeconds: 5 },
        { ...one, ttlSeconds: 1e9 },
      ]).map(({ set, seconds }) => `${set} ${seconds}`),
      [
        "host_1_0 300",
        "function_1_0 300",
        "function_1_1 300",
        "host_1_0 60",
        "function_1_0 60",
        "function_1_1 60",
        "host_1_0 3600",
        "function_1_0 3600",
        "function_1_1 3600",
      ],
    );
  });

  it("opens no private, special or malformed address, whatever the name's owner says", () => {
    const policy = policyOf(["internet"], ["api.example.com"]);
    for (const address of [
      "10.0.0.1",
      "127.0.0.1",
      "169.254.169.254",
      "198.18.0.1",
      "240.0.0.1",
      "::1",
      "x",
    ]) {
      assert.deepEqual(openedBy(policy, "api.example.com", [{ ...one, address }]), [], address);
    }
  });

  it("renews what is open already", () => {
    const script = openingScript([{ set: "host_1_0", address: one.address, seconds: 60 }]);
    assert.deepEqual(script.split("\n"), [
      "add element inet firelet host_1_0 { 93.184.215.14 }",
      "delete element inet firelet host_1_0 { 93.184.215.14 }",
      "add element inet firelet host_1_0 { 93.184.215.14 timeout 60s }",
    ]);
    const [added] = openingScript([
      { set: "host_1_0", address: one.address, seconds: 60 },
      { set: "host_1_0", address: "93.184.215.15", seconds: 60 },
    ]).split("\n");
    assert.equal(added, "add element inet firelet host_1_0 { 93.184.215.14, 93.184.215.15 }");
  });
});
