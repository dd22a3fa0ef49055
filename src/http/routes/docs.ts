import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FastifyPluginCallbackTypebox } from "@fastify/type-provider-typebox";
import { contentSecurityPolicy, sendPage } from "../send-page.ts";

const ours = join(import.meta.dirname, "../docs-page");
const swaggerUi = dirname(fileURLToPath(import.meta.resolve("swagger-ui-dist/package.json")));

/** What the page consists of, by its path below /docs. */
const files = {
  "page.css": { folder: ours, type: "text/css" },
  "page.js": { folder: ours, type: "text/javascript" },
  "swagger-ui.css": { folder: swaggerUi, type: "text/css" },
  "swagger-ui-bundle.js": { folder: swaggerUi, type: "text/javascript" },
} as const;

/** A page to read the API and to try it; see docs/adr/0009-api-reference-page.md. */
export function docsRoutes(): FastifyPluginCallbackTypebox {
  const hidden = { schema: { hide: true } };
  return (app, _options, done) => {
    app.get("/docs", hidden, async (_request, reply) => {
      void reply.header("content-security-policy", contentSecurityPolicy("'self'"));
      return sendPage(reply, join(ours, "index.html"), "text/html");
    });
    for (const [name, { folder, type }] of Object.entries(files)) {
      app.get(`/docs/${name}`, hidden, async (_request, reply) =>
        sendPage(reply, join(folder, name), type),
      );
    }
    done();
  };
}
