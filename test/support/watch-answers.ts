import { AnswerChecker } from "./answer-checker.ts";

interface Watch {
  readonly checker: AnswerChecker;
  /** What was not as the document says; null where all was. */
  readonly looks: Promise<string | null>[];
}

/** By the manager's origin; a test may run several. */
const watches = new Map<string, Watch>();
const ownFetch = globalThis.fetch;

/**
 * Compares every answer that this process fetches from a manager with that manager's OpenAPI
 * document, until `unwatchAnswers`.
 */
export async function watchAnswers(origin: string): Promise<void> {
  const document = (await (await ownFetch(`${origin}/openapi.json`)).json()) as object;
  watches.set(origin, { checker: new AnswerChecker(document), looks: [] });
  globalThis.fetch = async (input, init) => {
    const answer = await ownFetch(input, init);
    const url = new URL(input instanceof Request ? input.url : input);
    const method = init?.method ?? (input instanceof Request ? input.method : "GET");
    const watch = watches.get(url.origin);
    watch?.looks.push(look(watch.checker, { method, path: url.pathname }, answer));
    return answer;
  };
}

/** Ends that; resolves to what was not as the document says. */
export async function unwatchAnswers(origin: string): Promise<readonly string[]> {
  const found = await Promise.all(watches.get(origin)?.looks ?? []);
  watches.delete(origin);
  return found.filter((problem) => problem !== null);
}

async function look(
  checker: AnswerChecker,
  call: { readonly method: string; readonly path: string },
  answer: Response,
): Promise<string | null> {
  const { status, headers } = answer;
  const contentType = headers.get("content-type") ?? "";
  // A stream of events may never end, and is for the test to read.
  if (!contentType.startsWith("application/json")) {
    return checker.problem({ ...call, status, contentType, text: "" });
  }
  // A manager that was killed may not have said all.
  const text = await answer
    .clone()
    .text()
    .catch(() => null);
  return text === null ? null : checker.problem({ ...call, status, contentType, text });
}
