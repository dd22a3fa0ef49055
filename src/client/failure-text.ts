import type { InvocationItem } from "../api/invocations.ts";

/** What is known of why a call failed, of its answer or of the history. */
type Failure = { readonly [Key in "error" | "error_type" | "stack"]?: InvocationItem[Key] };

/** Why a call failed and where it threw, in lines; null where it succeeded. */
export function failureText({ error, error_type: type, stack }: Failure): string | null {
  if (error === undefined || error === null) return null;
  const what = `${type ?? "Error"}: ${error}`;
  if (!stack) return what;
  // A stack mostly says what was thrown, at its beginning or its end.
  return stack.includes(what) ? stack.trimEnd() : `${what}\n${stack.trimEnd()}`;
}
