import type { FastifyPluginCallbackTypebox } from "@fastify/type-provider-typebox";
import { completeDocument, servedAt } from "../openapi.ts";

/** The OpenAPI document; `build` makes it out of the routes, and is asked once. */
export function documentRoutes(build: () => object): FastifyPluginCallbackTypebox {
  let document: object | undefined;
  return (app, _options, done) => {
    app.get("/openapi.json", { schema: { hide: true } }, async ({ headers }) => {
      document ??= completeDocument(build());
      return servedAt(`http://${headers.host}`, document);
    });
    done();
  };
}
