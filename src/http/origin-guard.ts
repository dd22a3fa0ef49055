import type { FastifyInstance } from "fastify";
import { PlatformError } from "../core/errors.ts";

const loopbackNames: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

/**
 * Keeps web pages of other origins away from a manager that asks for no key: a call that names a
 * foreign `Origin` is refused, and so is one whose `Host` is a foreign name that somebody made
 * point here (DNS rebinding).
 */
export function installOriginGuard(app: FastifyInstance): void {
  app.addHook("onRequest", async (request) => {
    const host = request.headers.host ?? "";
    const name = host.replace(/:\d+$/, "");
    if (!loopbackNames.has(name) && !/^127(\.\d+){3}$/.test(name)) {
      const message = `Forbidden host: found "${host}", want a loopback name such as "localhost"`;
      throw new PlatformError("forbidden", message);
    }
    const { origin } = request.headers;
    if (origin !== undefined && origin !== `http://${host}`) {
      const message = `Forbidden origin: found "${origin}", want "http://${host}" or none`;
      throw new PlatformError("forbidden", message);
    }
  });
}
