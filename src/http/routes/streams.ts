import type { FastifyPluginCallbackTypebox } from "@fastify/type-provider-typebox";
import { FollowInvocationsQuery } from "../../api/invocations.ts";
import { followInvocations, type FollowedInvocations } from "../../functions/follow-invocations.ts";
import type { Platform } from "../../functions/platform.ts";
import { end, EventStreams, type ServerEvent } from "../event-streams.ts";
import { answerOf, errorAnswers, FunctionParams, lastEventId } from "../shared-schemas.ts";
import { toInvocationFilter, toInvocationItem } from "../wire-mapping.ts";

const logsDescription = `Server-sent events. Each finished invocation is an event \`invocation\`, in the order in which they are recorded; its data is an item as \`listInvocations\` has it, as JSON on one line. \`Last-Event-ID\` takes up after that event: nothing is missed and nothing comes twice, as far as the history goes back. Without it the stream begins now.

The last event is \`end\`; its data has the \`reason\`: \`deleted\` (the function) or \`stopping\` (the manager). A comment comes every 15 seconds. A reader who takes nothing for 30 seconds, while there is something for it, is cut off.`;

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
          headers: lastEventId("^\\d{1,15}$", "The last event that was seen, by its number"),
          response: {
            200: answerOf("text/event-stream", "Events, until one of the sides ends it"),
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
