import { invocationLimits, invocationStatuses, type InvocationStatus } from "../core/invocation.ts";
import { cutText } from "../lib/cut-text.ts";
import { asNumber, parseExactJson } from "../lib/exact-json.ts";
import type { GuestReply, LoadOutcome } from "../ports/runtime-client.ts";

/** Reading what an untrusted guest sent. Each parser throws an `Error` that says what was wrong. */

const logsCut = `[firelet] logs cut at ${invocationLimits.logBytes} bytes`;

/** Of a message or a stack, in bytes. */
const maxTextBytes = 64 * 1024;

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

/** What the function's code failed at, in one line. */
export function parseFailure(body: string): string {
  return loadError(objectOf(body)["error"]);
}

/** What a woken clone says that it is, and its wall clock. */
export function parseResumed(status: number, body: string): { instance: string; time: Date } {
  if (status !== 200) throw new Error(`resumed was answered ${status}: ${body.slice(0, 300)}`);
  const reply = objectOf(body);
  const time = new Date(nonNegative(reply["time_ms"], "time_ms"));
  if (Number.isNaN(time.getTime())) throw new Error("the guest sent no time as time_ms");
  return { instance: text(reply["instance"], "instance"), time };
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
            stack: reply["stack"] == null ? null : text(reply["stack"], "stack"),
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
    value = parseExactJson(body);
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
  // The runtime server cuts them; code that took its place need not.
  let room = invocationLimits.logBytes;
  const fits = value.findIndex((line: string) => (room -= Buffer.byteLength(line)) < 0);
  // One more for the mark that says that they were cut.
  return fits < 0 ? value : [...value.slice(0, fits), logsCut];
}

function text(value: unknown, name: string): string {
  if (typeof value !== "string") throw new Error(`the guest sent no text as ${name}`);
  return cutText(value, maxTextBytes);
}

function nonNegative(given: unknown, name: string): number {
  const value = asNumber(given);
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0) {
    throw new Error(`the guest sent no number as ${name}`);
  }
  return value;
}
