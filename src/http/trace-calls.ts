import type { FastifyInstance, FastifyRequest, onRequestHookHandler } from "fastify";
import { readTraceContext } from "../core/trace-context.ts";
import type { ReceivedCall, Span, Telemetry } from "../ports/telemetry.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** The call has a span, which continues its caller's trace. */
    traced?: true;
  }
  interface FastifyRequest {
    /** Of a call whose route is traced. */
    span: Span | undefined;
  }
}

/** Gives calls their spans, which end when nothing more is sent to the caller. */
export function installTracing(app: FastifyInstance, telemetry: Telemetry): void {
  app.decorateRequest("span", undefined);
  app.addHook("onRoute", (route) => {
    if (route.config?.traced) route.onRequest = spanOpener(route.url, telemetry);
  });
}

/** Knows its route: a request that is asked for that puts it together anew, each time. */
function spanOpener(route: string, telemetry: Telemetry): onRequestHookHandler {
  return (request, { raw }, done) => {
    const span = telemetry.receive(receivedCall(request, route));
    request.span = span;
    const { answered } = span;
    if (answered !== undefined) {
      raw.once("close", () => answered(raw.writableFinished ? raw.statusCode : undefined));
    }
    done();
  };
}

function receivedCall(request: FastifyRequest, route: string): ReceivedCall {
  const { headers } = request;
  return {
    requestId: request.id,
    method: request.method,
    route,
    path: request.url.split("?", 1)[0] ?? "",
    host: headers.host ?? "",
    client: request.socket.remoteAddress ?? "",
    userAgent: headers["user-agent"],
    caller: readTraceContext(headerText(headers["traceparent"]), headerText(headers["tracestate"])),
  };
}

/** Node joins what is sent more than once. */
function headerText(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}
