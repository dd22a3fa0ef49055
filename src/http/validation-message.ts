import type { FastifySchemaValidationError } from "fastify";

/**
 * What was wrong with a request, for its sender: the field, what was found, what is allowed.
 * Takes the first error of Ajv, which must run with `verbose`. Of a field that may be one of
 * several kinds that is the error of the whole, since those of each kind say half of what it may be.
 */
export function validationMessage(
  errors: readonly FastifySchemaValidationError[],
  part: string,
): string {
  const error = errors.find(({ keyword }) => keyword === "anyOf") ?? errors[0];
  if (error === undefined) return `Invalid ${part}`;
  const { data, parentSchema } = error as VerboseError;
  const field = fieldName(error);
  switch (error.keyword) {
    case "additionalProperties":
      return `Unknown field: found "${field}", want ${known(parentSchema) ?? `no such field in the ${part}`}`;
    case "required":
      return `Missing field: want "${field}" in the ${part}`;
    case "minProperties":
      return `Nothing to change: want at least one of ${known(parentSchema)}`;
    default: {
      const name = field === "" ? part : field;
      return `Invalid ${name}: found ${show(data)}, want ${wanted(error, parentSchema)}`;
    }
  }
}

interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
}

interface VerboseError extends FastifySchemaValidationError {
  readonly data?: unknown;
  readonly parentSchema?: JsonSchema;
}

function fieldName({ keyword, instancePath, params }: FastifySchemaValidationError): string {
  const path = instancePath.split("/").slice(1);
  if (keyword === "additionalProperties") path.push(String(params["additionalProperty"]));
  if (keyword === "required") path.push(String(params["missingProperty"]));
  return path.join(".");
}

function known(schema: JsonSchema | undefined): string | undefined {
  const names = Object.keys(schema?.properties ?? {});
  return names.length === 0 ? undefined : names.map((name) => `"${name}"`).join(", ");
}

function wanted({ keyword, params }: FastifySchemaValidationError, schema?: JsonSchema): string {
  switch (keyword) {
    case "type":
      return `${article(String(params["type"]))} ${String(params["type"])}`;
    case "minimum":
      return `at least ${String(params["limit"])}`;
    case "maximum":
      return `at most ${String(params["limit"])}`;
    case "minLength":
      return `at least ${String(params["limit"])} characters`;
    case "maxLength":
      return `at most ${String(params["limit"])} characters`;
    case "format":
      return formats[String(params["format"])] ?? `a ${String(params["format"])}`;
    case "enum":
      return `one of ${[params["allowedValues"]]
        .flat()
        .map((value) => JSON.stringify(value))
        .join(", ")}`;
    case "pattern":
      return schema?.description ?? `text that matches ${String(params["pattern"])}`;
    default:
      return schema?.description ?? `what the schema says (${keyword})`;
  }
}

/** What a text has to be, as its readers know it. */
const formats: Readonly<Record<string, string>> = {
  "date-time": "a date-time, for instance 2026-01-31T12:00:00Z",
  uuid: "an id, for instance 550e8400-e29b-41d4-a716-446655440000",
};

function article(noun: string): string {
  return /^[aeiou]/.test(noun) ? "an" : "a";
}

/** The value as JSON, cut: it may be a whole program. */
function show(value: unknown): string {
  const json = JSON.stringify(value) ?? "nothing";
  return json.length > 80 ? `${json.slice(0, 80)}…` : json;
}
