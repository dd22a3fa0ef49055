import type { FastifyPluginCallbackTypebox } from "@fastify/type-provider-typebox";
import { ChangeStream, FollowEventsQuery } from "../../api/events.ts";
import { FollowInvocationsQuery, InvocationStream } from "../../api/invocations.ts";
import type { ChangeFeed } from "../../functions/change-feed.ts";
import { followChanges, type FollowedChanges } from "../../functions/follow-changes.ts";
import { followInvocations, type FollowedInvocations } from "../../functions/follow-invocations.ts";
import type { Platform } from "../../functions/platform.ts";
import { end, EventStreams, type ServerEvent } from "../event-streams.ts";
import { answerOf, errorAnswers, FunctionParams, lastEventId } from "../shared-schemas.ts";
import {
  toFunctionEvent,
  toInvocationFilter,
  toInvocationItem,
  toVmEvent,
} from "../wire-mapping.ts";

const untilTheEnd = "Events, until one of the sides ends it; the schema is of one of them";

const logsDescription = `Server-sent events. Each finished invocation is an event \`invocation\`, in the order in which they are recorded; its data is an item as \`listInvocations\` has it, as JSON on one line. \`Last-Event-ID\` takes up after that event: nothing is missed and nothing comes twice, as far as the history goes back. Without it the stream begins now.

The last event is \`end\`; its data has the \`reason\`: \`deleted\` (the function) or \`stopping\` (the manager). A comment comes every 15 seconds. A reader who takes nothing for 30 seconds, while there is something for it, is cut off.`;

const eventsDescription = `Server-sent events. \`function\`: a function was created, updated, deployed or deleted, its deploy failed, or its state changed; the data is a \`FunctionEvent\`. \`vm\`: a VM came, changed its state or is gone; the data is a \`VmEvent\`.

\`Last-Event-ID\` takes up after that event; the newest 2,000 are kept, in memory. Where events may have been missed, also because the manager was started anew, the first event is \`reset\`: read everything anew. Without the header the stream begins now.

The last event is \`end\`, with the \`reason\` \`stopping\`. A comment comes every 15 seconds. A reader who takes nothing for 30 seconds, while there is something for it, is cut off, and so is one who is 2,000 events behind.`;

/** What happens, as it happens. */
export function streamRoutes(platform: Platform): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    const streams = new EventStreams(platform.clock);
    app.addHook("preClose", (closed) => {
      streams.close();
      closed();
    });
    app.get(
      "/v1/functions/:id/logs/stream",
      {
        // A stream without its body would be an answer without an end.
        exposeHeadRoute: false,
        schema: {
          operationId: "followInvocations",
          tags: ["invocations"],
          summary: "Follow a function's invocations as they end",
          description: logsDescription,
          params: FunctionParams,
          querystring: FollowInvocationsQuery,
          headers: lastEventId({
            pattern: "^\\d{1,15}$",
            description: "The last event that was seen, by its number",
          }),
          response: {
            200: answerOf("text/event-stream", untilTheEnd, InvocationStream),
            ...errorAnswers(404),
          },
        },
      },
      ({ params, query, headers }, reply) =>
        streams.answer(reply, async (signal) => {
          const last = headers["last-event-id"];
          const after = last === undefined ? null : Number(last);
          const options = { after, filter: toInvocationFilter(query) };
          const followed = await followInvocations(platform, params.id, options, signal);
          return { start: String(followed.start), events: invocationEvents(followed, signal) };
        }),
    );
    app.get(
      "/v1/events",
      {
        exposeHeadRoute: false,
        schema: {
          operationId: "followEvents",
          tags: ["events"],
          summary: "Follow what becomes of functions and VMs",
          description: eventsDescription,
          querystring: FollowEventsQuery,
          headers: lastEventId({
            maxLength: 100,
            description: "The last event that was seen, by its id",
          }),
          response: {
            200: answerOf("text/event-stream", untilTheEnd, ChangeStream),
            ...errorAnswers(404),
          },
        },
      },
      ({ query, headers }, reply) =>
        streams.answer(reply, (signal) => {
          const wanted = query.function;
          const functionId = wanted === undefined ? null : platform.registry.get(wanted).id;
          const after = placeIn(platform.changes, headers["last-event-id"]);
          const followed = followChanges(platform.changes, after, signal);
          const events = changeEvents(platform.changes, followed, functionId);
          return Promise.resolve({ start: idOf(platform.changes, followed.start), events });
        }),
    );
    done();
  };
}

async function* invocationEvents(
  { invocations }: FollowedInvocations,
  signal: AbortSignal,
): AsyncGenerator<ServerEvent> {
  for await (const { number, record } of invocations) {
    yield { id: String(number), event: "invocation", data: toInvocationItem(record) };
  }
  if (!signal.aborted) yield end("deleted");
}

/** An event of another feed than this one gets the same id by no accident. */
function idOf({ id }: ChangeFeed, number: number): string {
  return `${id}-${number}`;
}

/** The number of the event with that id; -1, which is none, where it is of another feed. */
function placeIn({ id }: ChangeFeed, eventId: string | undefined): number | null {
  if (eventId === undefined) return null;
  const [, feedId, number] = /^(.*)-(\d{1,15})$/.exec(eventId) ?? [];
  return feedId === id ? Number(number) : -1;
}

async function* changeEvents(
  feed: ChangeFeed,
  { start, missed, changes }: FollowedChanges,
  functionId: string | null,
): AsyncGenerator<ServerEvent> {
  if (missed) yield { id: idOf(feed, start), event: "reset", data: {} };
  for await (const { number, value } of changes) {
    const { at, change } = value;
    if (functionId !== null && change.functionId !== functionId) continue;
    const id = idOf(feed, number);
    yield change.subject === "vm"
      ? { id, event: "vm", data: toVmEvent(at, change) }
      : { id, event: "function", data: toFunctionEvent(at, change) };
  }
}
