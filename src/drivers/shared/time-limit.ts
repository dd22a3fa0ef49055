/** Aborts after `limitMs`, and says what had not happened. */
export function limitOf(limitMs: number, missed: string): AbortSignal {
  const limit = new AbortController();
  const error = new Error(`${missed} within ${limitMs / 1000} s`);
  setTimeout(() => limit.abort(error), limitMs).unref();
  return limit.signal;
}

/** The answer, or null where there is none after `limitMs`. */
export async function within<T>(limitMs: number, answer: Promise<T>): Promise<T | null> {
  const { promise, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(resolve, limitMs, null);
  try {
    return await Promise.race([answer, promise]);
  } finally {
    clearTimeout(timer);
  }
}
