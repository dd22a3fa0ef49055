import { Type, type Static } from "typebox";
import { Id, limit, Nullable, offset, ServerSentEvent, StreamEnd, Timestamp } from "./shared.ts";

export const InvocationStatusSchema = Type.Enum(["success", "error", "timeout"], {
  title: "InvocationStatus",
});

export const InvokeRequest = Type.Object(
  { event: Type.Optional(Type.Unknown({ description: "Any JSON value; absent is {}" })) },
  {
    title: "InvokeRequest",
    additionalProperties: false,
    "x-examples": {
      event: { summary: "With an event", value: { event: { name: "World" } } },
      nothing: { summary: "With {}", value: {} },
    },
  },
);
export type InvokeRequest = Static<typeof InvokeRequest>;

export const InvokeResponse = Type.Object(
  {
    request_id: Id,
    status: InvocationStatusSchema,
    duration_ms: Type.Integer({ description: "Time in the handler", examples: [3] }),
    response: Type.Unknown({
      description: "The handler's JSON value; null unless it succeeded",
      examples: [{ message: "Hello, World!" }],
    }),
    logs: Type.Array(Type.String(), { description: "What it printed, a line each" }),
    error: Type.Optional(Type.String({ description: "Absent where it succeeded" })),
    error_type: Type.Optional(Type.String({ description: "Absent where it succeeded" })),
    stack: Type.Optional(Nullable(Type.String({ description: "Absent where it succeeded" }))),
    cold_start: Type.Boolean({ description: "It waited for a VM to start" }),
    vm_id: Id,
  },
  { title: "InvokeResponse" },
);
export type InvokeResponse = Static<typeof InvokeResponse>;

/** Which invocations are wanted; all that is given has to hold. */
const filters = {
  status: Type.Optional(InvocationStatusSchema),
  request_id: Type.Optional({ ...Id, description: "The one with this request id" }),
  q: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: "Those with this text in a log line or their error, in capitals or not",
      examples: ["connection refused"],
    }),
  ),
  cold_start: Type.Optional(
    Type.Boolean({ description: "Those that waited for a VM to start, or that did not" }),
  ),
  vm_id: Type.Optional({ ...Id, description: "Those that ran in this VM" }),
  min_duration_ms: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: "Those that took so long, or longer",
      examples: [100],
    }),
  ),
};

export const FollowInvocationsQuery = Type.Object(filters, { additionalProperties: false });
export type FollowInvocationsQuery = Static<typeof FollowInvocationsQuery>;

export const ListInvocationsQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ ...limit, default: 100, description: "How many at most" })),
    offset: Type.Optional(offset),
    ...filters,
    since: Type.Optional(Type.String({ ...Timestamp, description: "From then on, RFC 3339" })),
    until: Type.Optional(Type.String({ ...Timestamp, description: "Before then, RFC 3339" })),
  },
  { additionalProperties: false },
);
export type ListInvocationsQuery = Static<typeof ListInvocationsQuery>;

export const InvocationItem = Type.Object(
  {
    id: Id,
    function_id: Id,
    status: InvocationStatusSchema,
    duration_ms: Type.Integer(),
    request_id: Id,
    invoked_at: Timestamp,
    cold_start: Type.Boolean(),
    vm_id: Nullable(Id),
    error: Nullable(Type.String()),
    error_type: Nullable(Type.String()),
    stack: Nullable(Type.String({ description: "Where it threw, cut at 8 KiB" })),
    logs: Type.Array(Type.String()),
    event: Type.String({ description: "JSON text, cut at 8 KiB", examples: ['{"name":"World"}'] }),
    response: Nullable(Type.String({ description: "JSON text, cut at 8 KiB" })),
  },
  { title: "InvocationItem" },
);
export type InvocationItem = Static<typeof InvocationItem>;

export const InvocationPage = Type.Object(
  {
    items: Type.Array(InvocationItem),
    total: Type.Integer({ description: "How many match, over all pages" }),
  },
  { title: "InvocationPage" },
);
export type InvocationPage = Static<typeof InvocationPage>;

/** Events of a stream of invocations, with their data. */
export type InvocationEvent =
  | { readonly event: "invocation"; readonly data: InvocationItem }
  | { readonly event: "end"; readonly data: StreamEnd };

/** The same as they go over the wire. */
export const InvocationStream = Type.Union([
  ServerSentEvent("invocation", InvocationItem),
  ServerSentEvent("end", StreamEnd),
]);

export const StatisticsQuery = Type.Object(
  {
    window: Type.Optional(
      Type.Enum(["1h", "24h", "7d"], {
        default: "24h",
        description: "How far back: in steps of 1 minute, 15 minutes or 1 hour",
      }),
    ),
  },
  { additionalProperties: false },
);
export type StatisticsQuery = Static<typeof StatisticsQuery>;

const milliseconds = (description: string) =>
  Nullable(Type.Number({ description: `${description}; null where nothing ran`, examples: [2.5] }));

const figures = {
  total: Type.Integer({ description: "Invocations, however they ended", examples: [20] }),
  success: Type.Integer({ examples: [18] }),
  error: Type.Integer({ examples: [1] }),
  timeout: Type.Integer({ examples: [1] }),
  cold_starts: Type.Integer({ description: "Those that waited for a VM to start", examples: [1] }),
  avg_ms: milliseconds("Mean time in the handler"),
  p50_ms: milliseconds("Half of them took no longer"),
  p95_ms: milliseconds("95 of 100 took no longer"),
  p99_ms: milliseconds("99 of 100 took no longer"),
};

export const FunctionDayItem = Type.Object(
  {
    function_id: Id,
    total: Type.Integer({ description: "Invocations, however they ended", examples: [20] }),
    failed: Type.Integer({ description: "Those with an error or a timeout", examples: [1] }),
    cold_starts: Type.Integer({ examples: [1] }),
    hours: Type.Array(
      Type.Object({ at: Timestamp, total: Type.Integer(), failed: Type.Integer() }),
      { description: "All 24, the oldest first; the last one has only begun" },
    ),
  },
  { title: "FunctionDayItem" },
);
export type FunctionDayItem = Static<typeof FunctionDayItem>;

export const StatisticsStep = Type.Object(
  { at: { ...Timestamp, description: "When the step begins" }, ...figures },
  { title: "StatisticsStep" },
);
export type StatisticsStep = Static<typeof StatisticsStep>;

export const StatisticsItem = Type.Object(
  {
    window: Type.Enum(["1h", "24h", "7d"]),
    from: { ...Timestamp, description: "When the first step begins" },
    to: { ...Timestamp, description: "When it was read" },
    ...figures,
    series: Type.Array(StatisticsStep, {
      description: "Every step, the oldest first; the last one has only begun",
    }),
  },
  { title: "StatisticsItem" },
);
export type StatisticsItem = Static<typeof StatisticsItem>;
