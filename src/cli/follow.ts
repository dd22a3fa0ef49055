import { ApiError, UnreachableError, type StreamPlace } from "../client/client.ts";
import type { EventStream } from "../client/event-stream.ts";
import type { Cli } from "./cli.ts";
import { nextSignal } from "./next-signal.ts";

/** How long a manager that does not answer is left alone. */
const retryMs = 500;

/**
 * Hands every event of a stream to `handle` until that says that it was the last, or the user ends
 * the command. A manager that goes away is waited for, and the stream taken up where it was cut
 * off. Rejects where the first call fails, or a later one for what waiting does not change.
 */
export async function follow<E>(
  { out }: Pick<Cli, "out">,
  open: (place: StreamPlace) => Promise<EventStream<E>>,
  handle: (event: E) => "go on" | "done",
): Promise<void> {
  using interrupt = nextSignal();
  const stop = new AbortController();
  void interrupt.received.then(() => stop.abort());
  const { signal } = stop;
  let lastEventId: string | undefined;
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    let stream: EventStream<E> | undefined;
    try {
      stream = await open({ lastEventId, signal });
      out.note(isFirst ? "Following; Ctrl-C ends it" : "The manager is back");
      for await (const event of stream) if (handle(event) === "done") return;
    } catch (error) {
      if (signal.aborted) return;
      if ((isFirst && stream === undefined) || !mayPass(error)) throw error;
    } finally {
      lastEventId = stream?.lastEventId ?? lastEventId;
    }
    if (stream !== undefined) out.note("Lost the manager; waiting for it");
    await passTime(retryMs, signal);
  }
}

function mayPass(error: unknown): boolean {
  return error instanceof UnreachableError || (error instanceof ApiError && error.status >= 500);
}

function passTime(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const give = () => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener("abort", give, { once: true });
  });
}
