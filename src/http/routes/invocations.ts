import type { FastifyPluginCallbackTypebox } from "@fastify/type-provider-typebox";
import {
  InvocationPage,
  InvokeRequest,
  InvokeResponse,
  ListInvocationsQuery,
} from "../../api/invocations.ts";
import { invokeFunction } from "../../functions/invoke-function.ts";
import { listInvocations } from "../../functions/list-invocations.ts";
import type { Platform } from "../../functions/platform.ts";
import { errorAnswers, FunctionParams } from "../shared-schemas.ts";
import { toInvocationFilter, toInvocationItem, toInvokeResponse } from "../wire-mapping.ts";

/** Invoke functions, and read what became of it. */
export function invocationRoutes(platform: Platform): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    app.post(
      "/v1/functions/:id/invoke",
      {
        schema: {
          operationId: "invokeFunction",
          tags: ["invocations"],
          summary: "Run a function with an event",
          description: "A function that throws or is too slow is an answer with status 200",
          params: FunctionParams,
          body: InvokeRequest,
          response: {
            200: InvokeResponse,
            ...errorAnswers(404, 409, 429, 502, 503),
          },
        },
        config: { exactNumbers: true, traced: true },
        // No body at all is an empty one.
        preValidation: (request, _reply, next) => {
          request.body ??= {};
          next();
        },
      },
      async ({ id, params, body, span }) =>
        toInvokeResponse(
          await invokeFunction(platform, params.id, { requestId: id, event: body.event, span }),
        ),
    );
    app.get(
      "/v1/functions/:id/logs",
      {
        schema: {
          operationId: "listInvocations",
          tags: ["invocations"],
          summary: "List a function's invocations, newest first",
          params: FunctionParams,
          querystring: ListInvocationsQuery,
          response: { 200: InvocationPage, ...errorAnswers(404) },
        },
      },
      async ({ params, query }) => {
        const { since, until, limit = 100, offset = 0 } = query;
        const page = await listInvocations(platform, params.id, {
          ...toInvocationFilter(query),
          limit,
          offset,
          since: since === undefined ? undefined : new Date(since),
          until: until === undefined ? undefined : new Date(until),
        });
        return { items: page.items.map(toInvocationItem), total: page.total };
      },
    );
    done();
  };
}
