import { join } from "node:path";
import staticFiles from "@fastify/static";
import type { FastifyInstance } from "fastify";
import { contentSecurityPolicy, sendPage } from "../send-page.ts";

/** Where the console is, for a browser: one document, which finds its page by its address. */
const pages = ["/", "/functions", "/functions/*", "/vms", "/vms/*", "/host"];

/** CodeMirror and xterm write style sheets of their own; scripts are the manager's files alone. */
const policy = contentSecurityPolicy("'self' 'unsafe-inline'");

/**
 * The console out of the folder that it was built into; see docs/adr/0010-console.md. Without one,
 * `/` leads to the API's page.
 */
export async function installConsole(app: FastifyInstance, folder: string | null): Promise<void> {
  const hidden = { schema: { hide: true } };
  if (folder === null) {
    app.get("/", hidden, async (_request, reply) => reply.redirect("/docs"));
    return;
  }
  for (const page of pages) {
    app.get(page, hidden, async (_request, reply) => {
      void reply.header("content-security-policy", policy);
      return sendPage(reply, join(folder, "index.html"), "text/html");
    });
  }
  app.get("/icon.svg", hidden, async (_request, reply) =>
    sendPage(reply, join(folder, "icon.svg"), "image/svg+xml"),
  );
  // The name of each has a digest of what is in it.
  await app.register(staticFiles, {
    root: join(folder, "assets"),
    prefix: "/assets/",
    immutable: true,
    maxAge: "365d",
    index: false,
    setHeaders: (reply) => void reply.header("x-content-type-options", "nosniff"),
  });
}
