import { Type, type TSchema, type TStringOptions } from "typebox";
import { ErrorResponse } from "../api/shared.ts";

/** The path of a function, and of what belongs to it. */
export const FunctionParams = Type.Object({
  id: Type.String({ description: "Id or name of the function", examples: ["hello"] }),
});

/** The path of a VM, and of what belongs to it. */
export const VmParams = Type.Object({
  id: Type.String({ description: "Id or name of the VM", examples: ["fn-hello-550e8400"] }),
});

/** The header by which a reader of server-sent events takes up where it was. */
export function lastEventId(options: TStringOptions) {
  return Type.Object({ "last-event-id": Type.Optional(Type.String(options)) });
}

/**
 * The error answers of a route, for the OpenAPI document, beside those that it gets there by
 * itself: 403 and 500, 400 with parameters, and 400, 413 and 415 with a body.
 */
export function errorAnswers(...statuses: readonly number[]): Record<number, typeof ErrorResponse> {
  return Object.fromEntries([...statuses, 500].map((status) => [status, ErrorResponse]));
}

/** An answer that is no JSON, such as `text/plain`, for the OpenAPI document. */
export function answerOf(mediaType: string, description: string, schema: TSchema = Type.String()) {
  return { description, content: { [mediaType]: { schema } } };
}
