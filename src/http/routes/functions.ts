import type { FastifyPluginCallbackTypebox } from "@fastify/type-provider-typebox";
import {
  CreateFunctionRequest,
  CreateFunctionResponse,
  FunctionItem,
  FunctionSummary,
  ListFunctionsQuery,
  UpdateFunctionRequest,
} from "../../api/functions.ts";
import { ItemOf, ItemsOf, MessageResponse } from "../../api/shared.ts";
import type { FunctionRecord } from "../../core/function.ts";
import { createFunction } from "../../functions/create-function.ts";
import { deleteFunction } from "../../functions/delete-function.ts";
import type { Platform } from "../../functions/platform.ts";
import { updateFunction } from "../../functions/update-function.ts";
import { errorAnswers, FunctionParams } from "../shared-schemas.ts";
import {
  toFunctionChanges,
  toFunctionItem,
  toFunctionSpec,
  toFunctionSummary,
} from "../wire-mapping.ts";

/** Create, list, read, change and delete functions. */
export function functionRoutes(platform: Platform): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    void app.register(readRoutes(platform));
    void app.register(changeRoutes(platform));
    done();
  };
}

function readRoutes(platform: Platform): FastifyPluginCallbackTypebox {
  const { fleets, registry } = platform;
  return (app, _options, done) => {
    app.get(
      "/v1/functions",
      {
        schema: {
          operationId: "listFunctions",
          tags: ["functions"],
          summary: "List functions, newest first",
          querystring: ListFunctionsQuery,
          response: { 200: ItemsOf(FunctionSummary), ...errorAnswers() },
        },
      },
      async ({ query }) => ({
        items: select(registry.list(), query).map((record) =>
          toFunctionSummary(record, fleets.vmsOf(record.id)),
        ),
      }),
    );
    app.get(
      "/v1/functions/:id",
      {
        schema: {
          operationId: "getFunction",
          tags: ["functions"],
          summary: "Get a function by id or name",
          params: FunctionParams,
          response: { 200: ItemOf(FunctionItem), ...errorAnswers(404) },
        },
      },
      async ({ params }) => ({ item: toFunctionItem(registry.get(params.id), platform) }),
    );
    done();
  };
}

function changeRoutes(platform: Platform): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    app.post(
      "/v1/functions",
      {
        schema: {
          operationId: "createFunction",
          tags: ["functions"],
          summary: "Create a function and deploy it in the background",
          body: CreateFunctionRequest,
          response: { 200: CreateFunctionResponse, ...errorAnswers(409) },
        },
        config: { traced: true },
      },
      async ({ body, span }) => ({
        id: (await createFunction(platform, toFunctionSpec(body), span)).id,
      }),
    );
    app.put(
      "/v1/functions/:id",
      {
        schema: {
          operationId: "updateFunction",
          tags: ["functions"],
          summary: "Change a function; it goes on serving while the change is rolled out",
          params: FunctionParams,
          body: UpdateFunctionRequest,
          response: { 200: ItemOf(FunctionItem), ...errorAnswers(404, 409, 503) },
        },
        config: { traced: true },
      },
      async ({ params, body, span }) => ({
        item: toFunctionItem(
          await updateFunction(platform, params.id, toFunctionChanges(body), span),
          platform,
        ),
      }),
    );
    app.delete(
      "/v1/functions/:id",
      {
        schema: {
          operationId: "deleteFunction",
          tags: ["functions"],
          summary: "Delete a function, its VMs and its history",
          params: FunctionParams,
          response: { 200: MessageResponse, ...errorAnswers(404) },
        },
      },
      async ({ params }) => {
        await deleteFunction(platform, params.id);
        return { message: "Function deleted" };
      },
    );
    done();
  };
}

function select(records: readonly FunctionRecord[], query: ListFunctionsQuery): FunctionRecord[] {
  const { name, state, runtime, limit, offset = 0 } = query;
  return records
    .filter((record) => name === undefined || record.name === name)
    .filter((record) => state === undefined || record.state === state)
    .filter((record) => runtime === undefined || record.runtime === runtime)
    .slice(offset, limit === undefined ? undefined : offset + limit);
}
