import { createReadStream } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FastifyPluginCallbackTypebox } from "@fastify/type-provider-typebox";
import type { FastifyReply } from "fastify";

const ours = join(import.meta.dirname, "../docs-page");
const swaggerUi = dirname(fileURLToPath(import.meta.resolve("swagger-ui-dist/package.json")));

/** What the page consists of, by its path below /docs. */
const files = {
  "page.css": { folder: ours, type: "text/css" },
  "page.js": { folder: ours, type: "text/javascript" },
  "swagger-ui.css": { folder: swaggerUi, type: "text/css" },
  "swagger-ui-bundle.js": { folder: swaggerUi, type: "text/javascript" },
} as const;

/** The page has all it needs from here, and sends nothing elsewhere. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** A page to read the API and to try it; see docs/adr/0009-api-reference-page.md. */
export function docsRoutes(): FastifyPluginCallbackTypebox {
  const hidden = { schema: { hide: true } };
  return (app, _options, done) => {
    app.get("/", hidden, async (_request, reply) => reply.redirect("/docs"));
    app.get("/docs", hidden, async (_request, reply) => {
      void reply.header("content-security-policy", contentSecurityPolicy);
      return send(reply, join(ours, "index.html"), "text/html");
    });
    for (const [name, { folder, type }] of Object.entries(files)) {
      app.get(`/docs/${name}`, hidden, async (_request, reply) =>
        send(reply, join(folder, name), type),
      );
    }
    done();
  };
}

function send(reply: FastifyReply, file: string, type: string): FastifyReply {
  return reply
    .type(`${type}; charset=utf-8`)
    .header("x-content-type-options", "nosniff")
    .header("referrer-policy", "no-referrer")
    .header("cache-control", "no-cache")
    .send(createReadStream(file));
}
