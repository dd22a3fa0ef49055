/** Aborts after `limitMs`, and says what had not happened. */
export function limitOf(limitMs: number, missed: string): AbortSignal {
  const limit = new AbortController();
  const error = new Error(`${missed} within ${limitMs / 1000} s`);
  setTimeout(() => limit.abort(error), limitMs).unref();
  return limit.signal;
}
