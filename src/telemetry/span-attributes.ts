import type { Attributes } from "@opentelemetry/api";
import type { ReceivedCall, StepFacts } from "../ports/telemetry.ts";

/**
 * Our words in those of OpenTelemetry's semantic conventions; what these have no word for is under
 * `firelet`.
 */
const names: Record<keyof StepFacts, string> = {
  functionId: "firelet.function.id",
  functionName: "faas.invoked_name",
  requestId: "faas.invocation_id",
  revision: "firelet.revision",
  runtime: "firelet.runtime",
  vmId: "firelet.vm.id",
  vmName: "firelet.vm.name",
  way: "firelet.vm.start_way",
  coldStart: "faas.coldstart",
  handlerMs: "firelet.handler_ms",
  snapshot: "firelet.snapshot.name",
  found: "firelet.snapshot.found",
};

export function toAttributes(facts: StepFacts): Attributes {
  const attributes: Attributes = {};
  for (const [fact, value] of Object.entries(facts)) {
    attributes[names[fact as keyof StepFacts]] = value as string | number | boolean | undefined;
  }
  // Whoever calls a function says whose platform it is on.
  if (facts.requestId !== undefined) attributes["faas.invoked_provider"] = "firelet";
  return attributes;
}

/** Of a server's span: https://opentelemetry.io/docs/specs/semconv/http/http-spans/ */
export function callAttributes(call: ReceivedCall): Attributes {
  const [, address = "", port] = /^(.*?)(?::(\d+))?$/.exec(call.host) ?? [];
  return {
    "http.request.method": call.method,
    "http.route": call.route,
    "url.path": call.path,
    "url.scheme": "http",
    "server.address": address,
    "server.port": port === undefined ? undefined : Number(port),
    "client.address": call.client,
    "user_agent.original": call.userAgent,
    "firelet.request_id": call.requestId,
  };
}
