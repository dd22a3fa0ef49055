import { Type, type Static, type TSchema } from "typebox";

/**
 * What the pages of the wire contract have in common. Keys are snake_case; durations say their unit.
 * A schema with a `title` is a component of that name in the OpenAPI document.
 */

export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
export const Timestamp = Type.String({
  format: "date-time",
  description: "UTC, RFC 3339",
  examples: ["2026-01-31T12:00:00.000Z"],
});
/** An id that the manager gave. */
export const Id = Type.String({
  format: "uuid",
  examples: ["550e8400-e29b-41d4-a716-446655440000"],
});

export const Egress = Type.Union(
  [Type.Enum(["none", "internet"]), Type.Array(Type.String(), { maxItems: 64 })],
  {
    title: "Egress",
    examples: ["internet", ["api.example.com:443", "10.1.0.0/16"]],
    description:
      '"none", "internet" (all but private and special addresses), or a list of at most 64 entries: "internet", an IPv4 address or block, a host name or *.name, each of these three with an optional :port or :from-to',
  },
);

export const limit = Type.Integer({ minimum: 1, maximum: 1000, examples: [20] });
export const offset = Type.Integer({
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  default: 0,
  description: "How many to leave out at the start",
});

export const MessageResponse = Type.Object(
  { message: Type.String({ description: "For people", examples: ["Function deleted"] }) },
  { title: "MessageResponse" },
);
export type MessageResponse = Static<typeof MessageResponse>;

export const ErrorResponse = Type.Object(
  {
    error: Type.String({
      description: "For people: what was wrong, what was found and what is wanted",
      examples: ['Function not found: "hello"'],
    }),
    code: Type.String({
      description: "For programs: stays the same, where the message may change",
      examples: ["function_not_found"],
    }),
  },
  { title: "ErrorResponse" },
);
export type ErrorResponse = Static<typeof ErrorResponse>;

/** `{items}`, with more beside it where a list has more to say. */
export const ItemsOf = <T extends TSchema>(item: T) => Type.Object({ items: Type.Array(item) });
/** `{item}`. */
export const ItemOf = <T extends TSchema>(item: T) => Type.Object({ item });
/** A server-sent event, whose data is JSON on one line. */
export const ServerSentEvent = (event: string, data: TSchema) =>
  Type.Object({
    event: Type.Enum([event]),
    id: Type.Optional(Type.String({ description: "What `Last-Event-ID` takes up after" })),
    data: Type.String({ contentMediaType: "application/json", contentSchema: data }),
  });

/** The last event of a stream that its reader did not end. */
export const StreamEnd = Type.Object(
  { reason: Type.Enum(["deleted", "stopping"]) },
  { title: "StreamEnd", description: "The function was deleted, or the manager stops" },
);
export type StreamEnd = Static<typeof StreamEnd>;
