import { Bell } from "../lib/bell.ts";
import type { FeedEntry } from "../lib/feed.ts";
import type { ChangeFeed, DatedChange } from "./change-feed.ts";

export interface FollowedChanges {
  /** The number after which they begin. */
  readonly start: number;
  /** Whether the reader may have missed some since it was last here. */
  readonly missed: boolean;
  readonly changes: AsyncIterable<FeedEntry<DatedChange>>;
}

/**
 * Changes of functions and VMs as they happen: from now on where `after` is null, otherwise after
 * the one of that number, as far as they are kept. Ends when `signal` aborts, which it must at some
 * time, and when the reader is so slow that it would miss some.
 */
export function followChanges(
  feed: ChangeFeed,
  after: number | null,
  signal: AbortSignal,
): FollowedChanges {
  const missed = after !== null && feed.after(after) === null;
  const start = after === null || missed ? feed.last : after;
  const bell = new Bell();
  const stopListening = feed.subscribe(() => bell.ring());
  const stop = () => {
    stopListening();
    bell.ring();
  };
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  return { start, missed, changes: readOn(start) };

  async function* readOn(first: number): AsyncGenerator<FeedEntry<DatedChange>> {
    let number = first;
    while (!signal.aborted) {
      const [next] = feed.after(number) ?? [null];
      if (next === null) return;
      if (next === undefined) await bell.rung();
      else {
        number = next.number;
        yield next;
      }
    }
  }
}
