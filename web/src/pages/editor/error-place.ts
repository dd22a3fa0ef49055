/** A place in a function's code, both from 1. */
export interface CodePlace {
  readonly line: number;
  readonly column: number;
}

/**
 * Ways of naming a place, the surest first. The file is called as the module of the handler is,
 * `app.py` for `app.main`, and the runtimes put the place after what the error itself says.
 */
const forms = [
  /^(?!\s*at\s).*\((?:[^()\s]*\/)?[\w$-]+\.(?:[cm]?[jt]s|py):(\d+)(?::(\d+))?\)\s*$/m,
  // The first line of a stack that is not the runtime's own.
  /(?<![\w$./-])[\w$-]+\.(?:[cm]?[jt]s|py):(\d+)(?::(\d+))?/,
  /File "(?!<)[^"/]+\.py", line (\d+)/,
];

/** Where the guest says that an error is; null where it does not say. */
export function placeOf(error: string): CodePlace | null {
  for (const form of forms) {
    const [, line, column] = form.exec(error) ?? [];
    if (line !== undefined) return { line: Number(line), column: Number(column ?? 1) };
  }
  return null;
}
