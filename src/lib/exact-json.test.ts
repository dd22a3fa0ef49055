import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { asNumber, parseExactJson } from "./exact-json.ts";

describe("parseExactJson", () => {
  const kept = ['{"id":12345678901234567890}', "1e400", "[1.0,-2.00,3]", '{"a":[{"b":1E-7}]}'];
  for (const text of kept) {
    it(`gives back ${text} to the letter`, () => {
      assert.equal(JSON.stringify(parseExactJson(text)), text);
    });
  }

  it("parses all other JSON as JSON.parse does", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        assert.equal(JSON.stringify(parseExactJson(text)), text);
      }),
    );
    assert.deepEqual(parseExactJson('{"a": [1, "1.0", "12345678901234567890", null]}'), {
      a: [1, "1.0", "12345678901234567890", null],
    });
  });

  it("refuses what is no JSON", () => {
    assert.throws(() => parseExactJson("{1.0"), SyntaxError);
    assert.throws(() => parseExactJson("{"), SyntaxError);
  });
});

describe("asNumber", () => {
  it("gives the number that was kept as text, and everything else as it is", () => {
    assert.equal(asNumber(parseExactJson("2.0")), 2);
    assert.equal(asNumber(3), 3);
    assert.equal(asNumber("2.0"), "2.0");
  });
});
