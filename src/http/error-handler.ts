import type { Socket } from "node:net";
import type {
  ConnectionError,
  FastifyError,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
} from "fastify";
import type { ErrorResponse } from "../api/shared.ts";
import { messageOf, PlatformError, type ErrorCode } from "../core/errors.ts";
import { validationMessage } from "./validation-message.ts";

/** Every error of every path leaves as `{error, code}`; what nobody foresaw is logged and says nothing. */
export function installErrorHandlers(app: FastifyInstance): void {
  const allowedMethods = collectRoutes(app);
  app.setErrorHandler((error, request, reply) => {
    const known = error instanceof PlatformError ? error : fromFastify(error);
    // What is wrong with a body matters to nobody where nothing takes one.
    if (request.is404 && known?.code !== "forbidden") return sendNotFound(request, reply);
    if (known !== undefined) return send(reply, known);
    request.log.error({ err: error }, "Request failed unexpectedly");
    const message = `Internal error: see the manager's log for request ${request.id}`;
    return send(reply, new PlatformError("internal", message));
  });
  const sendNotFound = (request: FastifyRequest, reply: FastifyReply) => {
    const methods = allowedMethods(pathOf(request));
    if (methods.length === 0) {
      const message = `No such path: ${request.method} ${pathOf(request)}`;
      return send(reply, new PlatformError("route_not_found", message));
    }
    const message = `Method not allowed: found ${request.method}, want ${methods.join(", ")} on ${pathOf(request)}`;
    void reply.header("allow", methods.join(", "));
    return send(reply, new PlatformError("method_not_allowed", message));
  };
  app.setNotFoundHandler(sendNotFound);
}

/** An address that the router could not read; no hook has seen the request. */
export function answerFrameworkError(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const message = `Malformed address: ${error.message}`;
  void reply.header("x-request-id", request.id);
  void send(reply, new PlatformError("invalid_request", message, { cause: error }));
}

/** What HTTP's own parser refused, so that there is no request, nor anything to route it by. */
export function answerUnreadable(newId: () => string) {
  return ({ code, message }: ConnectionError, socket: Socket): void => {
    if (code === "ECONNRESET" || !socket.writable) {
      socket.destroy();
      return;
    }
    const why = code === "HPE_HEADER_OVERFLOW" ? "its headers are over 16 KiB" : message;
    const known = new PlatformError("invalid_request", `Malformed request: ${why}`);
    const body: ErrorResponse = { error: known.message, code: known.code };
    const text = JSON.stringify(body);
    const head = [
      `HTTP/1.1 ${known.status} Bad Request`,
      `x-request-id: ${newId()}`,
      "content-type: application/json; charset=utf-8",
      `content-length: ${Buffer.byteLength(text)}`,
      "connection: close",
    ];
    socket.end(`${head.join("\r\n")}\r\n\r\n${text}`);
  };
}

/** What HTTP wants beside some errors. */
const headersOf: Partial<Record<ErrorCode, Record<string, string>>> = {
  wrong_credentials: { "www-authenticate": 'Basic realm="firelet", charset="UTF-8"' },
  upgrade_required: { upgrade: "websocket" },
};

function send(reply: FastifyReply, error: PlatformError): FastifyReply {
  const body: ErrorResponse = { error: error.message, code: error.code };
  if (error.retryAfterSeconds !== undefined) {
    void reply.header("retry-after", String(error.retryAfterSeconds));
  }
  return reply
    .code(error.status)
    .headers(headersOf[error.code] ?? {})
    .send(body);
}

const codeByStatus: ReadonlyMap<number, ErrorCode> = new Map([
  [400, "invalid_request"],
  [413, "payload_too_large"],
  [415, "unsupported_media_type"],
]);

/** Fastify's own refusals, in our words where its own do not say what is allowed. */
function fromFastify(thrown: unknown): PlatformError | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const error: Partial<FastifyError> & Error = thrown;
  if (error.validation !== undefined) {
    const message = validationMessage(error.validation, error.validationContext ?? "request");
    return new PlatformError("invalid_request", message, { cause: error });
  }
  const code = codeByStatus.get(error.statusCode ?? 0);
  if (code === undefined) return undefined;
  if (code === "unsupported_media_type") {
    const message =
      'Unsupported media type: want a JSON body with the header "Content-Type: application/json"';
    return new PlatformError(code, message, { cause: error });
  }
  return new PlatformError(code, messageOf(error), { cause: error });
}

function pathOf(request: FastifyRequest): string {
  return request.url.split("?", 1)[0] ?? request.url;
}

/** Which methods a path has, so that a wrong one is told from a wrong path. */
function collectRoutes(app: FastifyInstance): (path: string) => string[] {
  const routes: { readonly pattern: RegExp; readonly methods: readonly string[] }[] = [];
  app.addHook("onRoute", ({ url, method }) => {
    const pattern = new RegExp(`^${url.replace(/:[a-z]+/g, "[^/]+")}/?$`);
    routes.push({ pattern, methods: [method].flat() });
  });
  return (path) => {
    const matching = routes.filter(({ pattern }) => pattern.test(path));
    return [...new Set(matching.flatMap(({ methods }) => methods))];
  };
}
