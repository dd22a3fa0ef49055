import type { FastifyPluginCallbackTypebox } from "@fastify/type-provider-typebox";
import { FunctionItem, RevisionItem, RollbackRequest } from "../../api/functions.ts";
import { ItemOf, ItemsOf } from "../../api/shared.ts";
import { listRevisions } from "../../functions/list-revisions.ts";
import type { Platform } from "../../functions/platform.ts";
import { rollbackFunction } from "../../functions/rollback-function.ts";
import { errorAnswers, FunctionParams } from "../shared-schemas.ts";
import { toFunctionItem, toRevisionItem } from "../wire-mapping.ts";

/** Read what functions were, and bring it back. */
export function revisionRoutes(platform: Platform): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    app.get(
      "/v1/functions/:id/revisions",
      {
        schema: {
          operationId: "listRevisions",
          tags: ["functions"],
          summary: "List a function's revisions, newest first",
          description:
            "A revision is the code, handler, env, vcpu and memory_mb of a function after a change " +
            "of one of them, or of its name, was accepted. The last ten are kept, and the " +
            "deployed one where it is older.",
          params: FunctionParams,
          response: { 200: ItemsOf(RevisionItem), ...errorAnswers(404) },
        },
      },
      async ({ params }) => ({
        items: (await listRevisions(platform, params.id)).map(toRevisionItem),
      }),
    );
    app.post(
      "/v1/functions/:id/rollback",
      {
        schema: {
          operationId: "rollbackFunction",
          tags: ["functions"],
          summary: "Give a function what it had in an earlier revision",
          description:
            "Makes a new revision with the code, handler, env, vcpu and memory_mb of the one " +
            "given, and rolls it out as PUT does; name, timeout and scaling stay as they are. " +
            "Where the newest revision has the same and has not failed, nothing changes: the " +
            "answer is the function as it is, so a rollback may be repeated.",
          params: FunctionParams,
          body: RollbackRequest,
          response: { 200: ItemOf(FunctionItem), ...errorAnswers(404, 503) },
        },
        config: { traced: true },
      },
      async ({ params, body, span }) => {
        const record = await rollbackFunction(platform, params.id, body.revision, span);
        return { item: toFunctionItem(record, platform) };
      },
    );
    done();
  };
}
