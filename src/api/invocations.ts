import { Type, type Static } from "typebox";
import { Nullable, Timestamp, limit, offset } from "./shared.ts";

export const InvocationStatusSchema = Type.Enum(["success", "error", "timeout"]);

export const InvokeRequest = Type.Object(
  { event: Type.Optional(Type.Unknown({ description: "Any JSON value; absent is {}" })) },
  { additionalProperties: false },
);
export type InvokeRequest = Static<typeof InvokeRequest>;

export const InvokeResponse = Type.Object({
  request_id: Type.String(),
  status: InvocationStatusSchema,
  duration_ms: Type.Integer({ description: "Time in the handler" }),
  response: Type.Unknown({ description: "The handler's JSON value; null unless it succeeded" }),
  logs: Type.Array(Type.String()),
  error: Type.Optional(Type.String()),
  error_type: Type.Optional(Type.String()),
  stack: Type.Optional(Nullable(Type.String())),
  cold_start: Type.Boolean(),
  vm_id: Type.String(),
});
export type InvokeResponse = Static<typeof InvokeResponse>;

export const ListInvocationsQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ ...limit, default: 100 })),
    offset: Type.Optional(offset),
    status: Type.Optional(InvocationStatusSchema),
    since: Type.Optional(Timestamp),
    until: Type.Optional(Timestamp),
  },
  { additionalProperties: false },
);
export type ListInvocationsQuery = Static<typeof ListInvocationsQuery>;

export const InvocationItem = Type.Object({
  id: Type.String(),
  function_id: Type.String(),
  status: InvocationStatusSchema,
  duration_ms: Type.Integer(),
  request_id: Type.String(),
  invoked_at: Timestamp,
  cold_start: Type.Boolean(),
  vm_id: Nullable(Type.String()),
  error: Nullable(Type.String()),
  error_type: Nullable(Type.String()),
  logs: Type.Array(Type.String()),
  event: Type.String({ description: "JSON text, cut at 8 KiB" }),
  response: Nullable(Type.String({ description: "JSON text, cut at 8 KiB" })),
});
export type InvocationItem = Static<typeof InvocationItem>;

export const InvocationPage = Type.Object({
  items: Type.Array(InvocationItem),
  total: Type.Integer({ description: "How many match, over all pages" }),
});
export type InvocationPage = Static<typeof InvocationPage>;
