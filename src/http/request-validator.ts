import { Ajv } from "ajv";
import formats from "ajv-formats";
import type { FastifySchemaCompiler } from "fastify";
import type { TSchema } from "typebox";

/**
 * Checks requests. A body is taken as it is, without silent casts or dropped fields; text from the
 * address becomes the number that its schema wants.
 */
export function requestValidator(): FastifySchemaCompiler<TSchema> {
  const body = checker({ coerceTypes: false });
  const address = checker({ coerceTypes: true });
  return ({ schema, httpPart }) => (httpPart === "body" ? body : address).compile(schema);
}

function checker(options: { coerceTypes: boolean }): Ajv {
  // `verbose` puts the value that was found into the error, for the message.
  const ajv = new Ajv({ ...options, verbose: true, strict: true, strictTypes: false });
  // Of the OpenAPI document alone.
  ajv.addVocabulary(["x-examples"]);
  formats.default(ajv);
  return ajv;
}
