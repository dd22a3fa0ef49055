import { invocationStatuses, type InvocationStatus } from "../core/invocation.ts";
import type { GuestReply, LoadOutcome } from "../ports/runtime-client.ts";

/** Reading what an untrusted guest sent. Each parser throws an `Error` that says what was wrong. */

type Fields = Readonly<Record<string, unknown>>;

/** Whether a reply to `GET /health` is one of a working runtime server. */
export function parseHealth(status: number, body: string): boolean {
  return status === 200 && objectOf(body)["status"] === "ok";
}

export function parseLoadOutcome(status: number, body: string): LoadOutcome {
  const reply = objectOf(body);
  if (status === 200) return { loaded: true, logs: lines(reply["logs"]) };
  if (status === 422) {
    return { loaded: false, message: loadError(reply["error"]), logs: lines(reply["logs"]) };
  }
  throw new Error(`load was answered ${status}: ${body.slice(0, 300)}`);
}

export function parseReply(status: number, body: string): GuestReply {
  if (status !== 200) throw new Error(`invoke was answered ${status}: ${body.slice(0, 300)}`);
  const reply = objectOf(body);
  const outcome = reply["status"];
  if (!isInvocationStatus(outcome))
    throw new Error(`invoke was answered with status ${JSON.stringify(outcome)}`);
  return {
    status: outcome,
    durationMs: nonNegative(reply["duration_ms"], "duration_ms"),
    response: outcome === "success" ? (reply["response"] ?? null) : null,
    logs: lines(reply["logs"]),
    failure:
      outcome === "success"
        ? null
        : {
            message: text(reply["error"], "error"),
            type: text(reply["error_type"], "error_type"),
            stack: typeof reply["stack"] === "string" ? reply["stack"] : null,
          },
    revision: nonNegative(reply["revision"], "revision"),
    replace: reply["replace"] === true,
  };
}

/** `TypeError: x is not a function (handler.js:3:5)`: what a user needs to find the place. */
function loadError(value: unknown): string {
  if (typeof value !== "object" || value === null) throw new Error("load failed without an error");
  const error = value as Fields;
  const message = text(error["message"], "error.message");
  const { file, line, column } = error;
  if (typeof file !== "string" || typeof line !== "number") return message;
  return `${message} (${file}:${line}${typeof column === "number" ? `:${column}` : ""})`;
}

function objectOf(body: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw new Error(`the guest sent no JSON but: ${body.slice(0, 200)}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error(`the guest sent no JSON object but: ${body.slice(0, 200)}`);
  }
  return value as Fields;
}

function isInvocationStatus(value: unknown): value is InvocationStatus {
  return (invocationStatuses as readonly unknown[]).includes(value);
}

function lines(value: unknown): readonly string[] {
  if (!Array.isArray(value) || !value.every((line) => typeof line === "string")) {
    throw new Error("the guest sent logs that are no list of strings");
  }
  return value;
}

function text(value: unknown, name: string): string {
  if (typeof value !== "string") throw new Error(`the guest sent no text as ${name}`);
  return value;
}

function nonNegative(value: unknown, name: string): number {
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0) {
    throw new Error(`the guest sent no number as ${name}`);
  }
  return value;
}
