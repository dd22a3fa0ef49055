import { EventSourceParserStream } from "eventsource-parser/stream";

/** Server-sent events of one answer. It ends when the connection is closed, by whichever side. */
export interface EventStream<E> extends AsyncIterable<E> {
  /** What to say that was seen, when taking up where this stream ended. */
  readonly lastEventId: string | undefined;
}

/**
 * Reads an answer's events as they come, their data from JSON. Iterating rejects with what
 * `brokenOff` makes of an error of the connection.
 */
export function readEvents<E>(
  answer: Response,
  brokenOff: (error: unknown) => Error,
): EventStream<E> {
  let lastEventId: string | undefined;
  // The first one comes before any event. Later ones are of events that may still wait to be read.
  const parser = new EventSourceParserStream({ onId: (id) => (lastEventId ??= id) });
  const messages = answer.body?.pipeThrough(new TextDecoderStream()).pipeThrough(parser);
  return {
    get lastEventId() {
      return lastEventId;
    },
    async *[Symbol.asyncIterator]() {
      try {
        for await (const { id, event, data } of messages ?? []) {
          lastEventId = id ?? lastEventId;
          // The contract is the manager's to keep, as of all its answers.
          yield { event, data: JSON.parse(data) as unknown } as E;
        }
      } catch (error) {
        throw brokenOff(error);
      }
    },
  };
}
