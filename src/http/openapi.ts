import { STATUS_CODES } from "node:http";
import { ErrorResponse } from "../api/shared.ts";
import { errorTable } from "../core/errors.ts";
import { moveToComponents } from "./openapi-components.ts";

const description = `- Wherever a path has an \`{id}\`, the name will do.
- An error is \`{"error": "<message>", "code": "<code>"}\` on every path. A path that is not there is a 404; a method that a path does not have is a 405, and its \`Allow\` lists those it has.
- A function that throws, or takes too long, is no error of the API: its invocation is answered with 200, and its \`status\` says so.
- Every answer has the header \`x-request-id\`, which is also in the manager's log.
- Nobody is asked for a key: the manager listens on loopback addresses only, and refuses web pages of other origins.`;

/** What the OpenAPI document says beside the routes. An operation names one of the `tags`. */
export function openapiInfo(version: string) {
  return {
    openapi: "3.1.0",
    info: {
      title: "Firelet",
      summary: "Serverless functions in microVMs, on a machine you own",
      version,
      description,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    tags: [
      { name: "functions", description: "Create, read, change and delete functions" },
      { name: "invocations", description: "Run functions, and read what became of it" },
      { name: "vms", description: "The microVMs that run functions now" },
      { name: "events", description: "What becomes of functions and VMs, as it happens" },
      { name: "host", description: "The manager, and the machine it runs on" },
    ],
    security: [],
  };
}

interface Operation {
  readonly parameters?: readonly unknown[];
  readonly requestBody?: { required: boolean; readonly content: Record<string, Media> };
  responses: Record<string, Answer>;
}

interface Media {
  readonly schema: { readonly required?: readonly string[]; readonly minProperties?: number };
}

interface Answer {
  readonly $ref?: string;
  readonly description?: string;
  readonly headers?: Record<string, unknown>;
}

/** The document as it came out of the routes. */
interface Built {
  readonly paths?: Record<string, Record<string, unknown>>;
}

/**
 * Completes the document that was built from the routes: the errors that every operation may
 * answer, the headers that every answer has, and components in the place of repeated schemas.
 */
export function completeDocument(built: object): object {
  const schemas: Record<string, unknown> = {};
  const paths = structuredClone((built as Built).paths ?? {});
  for (const operations of Object.values(paths)) {
    for (const operation of Object.values(operations)) complete(operation as Operation);
  }
  const statuses = Object.values(paths)
    .flatMap((operations) => Object.values(operations))
    .flatMap((operation) => Object.keys((operation as Operation).responses).map(Number))
    .filter(isError);
  const responses = Object.fromEntries(
    [...new Set(statuses)].map((status) => [nameOf(status), errorAnswer(status)]),
  );
  const moved = moveToComponents({ paths, components: { responses, headers } }, schemas) as {
    readonly paths: object;
    readonly components: object;
  };
  return { ...built, paths: moved.paths, components: { ...moved.components, schemas } };
}

/** The document for a caller who reached the manager at `origin`. */
export function servedAt(origin: string, document: object): object {
  return {
    ...document,
    servers: [{ url: origin, description: "This manager" }],
    externalDocs: { url: `${origin}/docs`, description: "The same, to read and to try" },
  };
}

/** The manager's guard refuses any call, and a bug can be in any; what is read can be wrong. */
const always = [403, 500];
const withParameters = [400];
const withBody = [400, 413, 415];

function complete(operation: Operation): void {
  const { parameters = [], requestBody, responses } = operation;
  if (requestBody !== undefined) requestBody.required = !mayBeEmpty(requestBody.content);
  const answers = Object.entries(responses).map(([key, answer]): [number, Answer] => {
    const status = Number(key);
    return [status, isError(status) ? reference("responses", nameOf(status)) : own(status, answer)];
  });
  const errors = [
    ...always,
    ...(parameters.length > 0 ? withParameters : []),
    ...(requestBody !== undefined ? withBody : []),
  ].map((status): [number, Answer] => [status, reference("responses", nameOf(status))]);
  // Keys that are numbers come in their order, whatever order they were set in.
  operation.responses = Object.fromEntries([...errors, ...answers]);
}

function mayBeEmpty(content: Record<string, Media>): boolean {
  const { required = [], minProperties = 0 } = content["application/json"]?.schema ?? {};
  return required.length === 0 && minProperties === 0;
}

/** An answer that is no error. */
function own(status: number, answer: Answer): Answer {
  const { description: said = "" } = answer;
  return {
    ...answer,
    // What the library says of an answer that has no description.
    description: said === "Default Response" ? "Success" : said,
    // A WebSocket's handshake is not an answer of ours.
    ...(status < 200 ? {} : { headers: { ...answer.headers, ...requestId } }),
  };
}

const headers = {
  RequestId: {
    description: "Also in the manager's log, and of an invocation its `request_id`",
    required: true,
    schema: { type: "string", format: "uuid" },
  },
  RetryAfter: {
    description: "Seconds after which trying again makes sense, where that is known",
    schema: { type: "integer", minimum: 0 },
    example: 2,
  },
};

const requestId = { "x-request-id": { $ref: "#/components/headers/RequestId" } };
const retryStatuses: ReadonlySet<number> = new Set([429, 503]);

function errorAnswer(status: number): Answer & { readonly content: object } {
  const codes = Object.entries(errorTable).filter(([, entry]) => entry.status === status);
  const retryAfter = retryStatuses.has(status)
    ? { "retry-after": reference("headers", "RetryAfter") }
    : {};
  return {
    description: `${STATUS_CODES[status]}: ${codes.map(([code]) => `\`${code}\``).join(", ")}`,
    headers: { ...requestId, ...retryAfter },
    content: { "application/json": { schema: ErrorResponse } },
  };
}

function isError(status: number): boolean {
  return status >= 400;
}

/** `NotFound` for 404. */
function nameOf(status: number): string {
  return (STATUS_CODES[status] ?? `Status${status}`).replaceAll(/\W/g, "");
}

function reference(kind: "responses" | "headers", name: string): { readonly $ref: string } {
  return { $ref: `#/components/${kind}/${name}` };
}
