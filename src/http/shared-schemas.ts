import { Type } from "typebox";
import { ErrorResponse } from "../api/shared.ts";

export const IdParams = Type.Object({ id: Type.String({ description: "Id or name" }) });

/** The error answers of a route, for the OpenAPI document; 500 is always among them. */
export function errorAnswers(...statuses: readonly number[]): Record<number, typeof ErrorResponse> {
  return Object.fromEntries([...statuses, 500].map((status) => [status, ErrorResponse]));
}
