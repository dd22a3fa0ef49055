import { Type, type Static, type TSchema } from "typebox";

/** What the pages of the wire contract have in common. Keys are snake_case; durations say their unit. */

export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
export const Timestamp = Type.String({ format: "date-time", description: "UTC, RFC 3339" });

export const Egress = Type.Union(
  [Type.Enum(["none", "internet"]), Type.Array(Type.String(), { maxItems: 64 })],
  {
    description:
      '"none", "internet" (all but private and special addresses), or a list of at most 64 entries: "internet", an IPv4 address or block, a host name or *.name, each of these three with an optional :port or :from-to',
  },
);

export const limit = Type.Integer({ minimum: 1, maximum: 1000 });
export const offset = Type.Integer({ minimum: 0, default: 0 });

export const MessageResponse = Type.Object({ message: Type.String() });
export type MessageResponse = Static<typeof MessageResponse>;

export const ErrorResponse = Type.Object({ error: Type.String(), code: Type.String() });
export type ErrorResponse = Static<typeof ErrorResponse>;

/** `{items}`, with more beside it where a list has more to say. */
export const ItemsOf = <T extends TSchema>(item: T) => Type.Object({ items: Type.Array(item) });
/** `{item}`. */
export const ItemOf = <T extends TSchema>(item: T) => Type.Object({ item });
