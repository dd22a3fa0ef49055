import { matches, type InvocationFilter } from "../core/invocation.ts";
import { Bell } from "../lib/bell.ts";
import type { RecordedInvocation } from "../ports/store.ts";
import type { Platform } from "./platform.ts";

/** Read at once, so that a reader who was away for long holds a bounded part in memory. */
const pageSize = 50;

export interface FollowOptions {
  /** The number of the last invocation that the reader has; those from now on where it is null. */
  readonly after: number | null;
  readonly filter: InvocationFilter;
}

export interface FollowedInvocations {
  /** The number after which they begin. */
  readonly start: number;
  readonly invocations: AsyncIterable<RecordedInvocation>;
}

/**
 * A function's invocations as they are recorded, each once and in that order, until `signal` aborts
 * or the function is deleted. They come from the store at the reader's pace: nothing is held for one
 * who is slow. Resolves when what ends from then on will be in it; rejects with
 * `function_not_found`. `signal` must abort at some time.
 */
export async function followInvocations(
  platform: Pick<Platform, "changes" | "recorder" | "registry" | "store">,
  idOrName: string,
  { after, filter }: FollowOptions,
  signal: AbortSignal,
): Promise<FollowedInvocations> {
  const { recorder, registry, store } = platform;
  const { id } = registry.get(idOrName);
  const bell = listenFor(platform, id, signal);
  await recorder.flush();
  const last = await store.invocations.lastNumber(id);
  // A greater number is of another history than this one.
  const start = Math.min(after ?? last, last);
  return { start, invocations: readOn(start) };

  async function* readOn(first: number): AsyncGenerator<RecordedInvocation> {
    let number = first;
    while (!signal.aborted) {
      // Asked before the read, so that what was written until the deletion is in it.
      const isThere = registry.find(id) !== undefined;
      const page = await store.invocations.readAfter(id, number, pageSize);
      for (const recorded of page) {
        number = recorded.number;
        if (matches(recorded.record, filter)) yield recorded;
        if (signal.aborted) return;
      }
      if (page.length === pageSize) continue;
      if (!isThere) return;
      await bell.rung();
    }
  }
}

/** Rings when there may be something to read, or nothing more. */
function listenFor(
  { changes, recorder }: Pick<Platform, "changes" | "recorder">,
  id: string,
  signal: AbortSignal,
): Bell {
  const bell = new Bell();
  const stopRecorded = recorder.onRecorded(id, () => bell.ring());
  const stopDeleted = changes.subscribe(({ change }) => {
    if (change.functionId === id && change.subject === "function") bell.ring();
  });
  const stop = () => {
    stopRecorded();
    stopDeleted();
    bell.ring();
  };
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  return bell;
}
