/** A place in a function's code, both from 1. */
export interface CodePlace {
  readonly line: number;
  readonly column: number;
}

/** Where the guest says that an error is; null where it does not say. */
export function placeOf(error: string): CodePlace | null {
  const [, line, column] = /\bhandler\.\w+:(\d+)(?::(\d+))?/.exec(error) ?? [];
  return line === undefined ? null : { line: Number(line), column: Number(column ?? 1) };
}
