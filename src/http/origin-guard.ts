import type { IncomingHttpHeaders } from "node:http";
import type { FastifyInstance } from "fastify";
import { PlatformError } from "../core/errors.ts";

const loopbackNames: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

/**
 * Keeps web pages of other origins away from a manager that asks for no key: a call that names a
 * foreign `Origin` is refused, and so is one whose `Host` is a foreign name that somebody made
 * point here (DNS rebinding).
 */
export function installOriginGuard(app: FastifyInstance): void {
  app.addHook("onRequest", (request, _reply, done) => {
    done(refusal(request.headers));
  });
}

function refusal({ host = "", origin }: IncomingHttpHeaders): PlatformError | undefined {
  const name = host.replace(/:\d+$/, "");
  if (!loopbackNames.has(name) && !/^127(\.\d+){3}$/.test(name)) {
    const message = `Forbidden host: found "${host}", want a loopback name such as "localhost"`;
    return new PlatformError("forbidden", message);
  }
  if (origin !== undefined && origin !== `http://${host}`) {
    const message = `Forbidden origin: found "${origin}", want "http://${host}" or none`;
    return new PlatformError("forbidden", message);
  }
  return undefined;
}
