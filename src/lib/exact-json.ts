/** A number that JavaScript would change: over 15 digits, with an exponent, or a whole one written as `1.0`. */
const changedNumber = /(?:^|[:,[\s])-?(?:\d{16,}|\d+\.0+|\d+(?:\.\d+)?[eE][+-]?\d+)(?=[\s,\]}]|$)/;

/** What `parseExactJson` keeps of a number that would not survive; `JSON.stringify` writes it as it was. */
interface RawNumber {
  readonly rawJSON: string;
}

// The proposal "JSON.parse source text access" is in Node 24 and not yet in TypeScript's library.
const json = JSON as unknown as {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): RawNumber;
  isRawJSON(value: unknown): value is RawNumber;
};

/**
 * Parses JSON so that `JSON.stringify` gives back every number as it was written: a Python
 * function's 64-bit ids, `1.0` that is not `1`. Throws a SyntaxError as `JSON.parse` does.
 */
export function parseExactJson(text: string): unknown {
  if (!changedNumber.test(text)) return JSON.parse(text);
  return json.parse(text, (_key, value, { source }) =>
    typeof value === "number" && source !== undefined && String(value) !== source
      ? json.rawJSON(source)
      : value,
  );
}

/** The value of a number that `parseExactJson` may have kept as text; anything else as it is. */
export function asNumber(value: unknown): unknown {
  return json.isRawJSON(value) ? Number(value.rawJSON) : value;
}
