import type { FastifyInstance } from "fastify";
import { messageOf, PlatformError } from "../core/errors.ts";
import { parseExactJson } from "../lib/exact-json.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** The body holds data of a function's own, whose numbers must stay as they were written. */
    exactNumbers?: true;
  }
}

/**
 * Reads JSON bodies. Unlike Fastify's own parser it takes an empty body for none, and any key
 * that JSON can have: events are data, never merged into anything.
 */
export function installJsonBody(app: FastifyInstance): void {
  app.removeContentTypeParser(["application/json", "text/plain"]);
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, body, done) => {
    if (body.length === 0) {
      done(null, undefined);
      return;
    }
    try {
      const parse = request.routeOptions.config.exactNumbers ? parseExactJson : JSON.parse;
      done(null, parse(String(body)));
    } catch (error) {
      const message = `Malformed JSON in the request body: ${messageOf(error)}`;
      done(new PlatformError("invalid_request", message, { cause: error }), undefined);
    }
  });
}
