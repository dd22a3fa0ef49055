import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { cutText } from "./cut-text.ts";

describe("cutText", () => {
  it("keeps as much of the start as fits, and never half a character", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.nat(40), (text, maxBytes) => {
        const cut = cutText(text, maxBytes);
        assert.ok(text.startsWith(cut));
        assert.ok(Buffer.byteLength(cut) <= maxBytes);
        const next = String.fromCodePoint(text.codePointAt(cut.length) ?? 0);
        const complete = cut === text || Buffer.byteLength(cut + next) > maxBytes;
        assert.ok(complete, "one more character would have fitted");
      }),
    );
  });
});
