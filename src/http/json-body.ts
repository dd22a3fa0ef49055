import type { FastifyInstance } from "fastify";
import { messageOf, PlatformError } from "../core/errors.ts";

/**
 * Reads JSON bodies. Unlike Fastify's own parser it takes an empty body for none, and any key
 * that JSON can have: events are data, never merged into anything.
 */
export function installJsonBody(app: FastifyInstance): void {
  app.removeContentTypeParser(["application/json", "text/plain"]);
  app.addContentTypeParser("application/json", { parseAs: "string" }, (_request, body, done) => {
    if (body.length === 0) {
      done(null, undefined);
      return;
    }
    try {
      done(null, JSON.parse(String(body)));
    } catch (error) {
      const message = `Malformed JSON in the request body: ${messageOf(error)}`;
      done(new PlatformError("invalid_request", message, { cause: error }), undefined);
    }
  });
}
