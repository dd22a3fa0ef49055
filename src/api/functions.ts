import { Type, type Static } from "typebox";
import { Egress, Nullable, Timestamp, limit, offset } from "./shared.ts";

export const FunctionStateSchema = Type.Enum([
  "creating",
  "booting",
  "deploying",
  "ready",
  "error",
]);
const functionFields = {
  name: Type.String({
    pattern: "^[a-z][a-z0-9-]{0,62}$",
    description: 'Unique; 1 to 63 of a-z, 0-9 and "-", starting with a letter',
  }),
  handler: Type.String({
    pattern: "^[A-Za-z_$][A-Za-z0-9_$-]*(\\.[A-Za-z_$][A-Za-z0-9_$]*)?$",
    maxLength: 128,
    description: "`function` or `module.function`",
  }),
  code: Type.String({ minLength: 1, description: "Source of the function" }),
  env: Type.Record(Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_]*$" }), Type.String(), {
    description: "Environment variables, 4 KiB in all",
    additionalProperties: false,
  }),
  vcpu: Type.Integer({ minimum: 1, maximum: 32 }),
  memory_mb: Type.Integer({ minimum: 128, maximum: 10240 }),
  timeout_seconds: Type.Integer({ minimum: 1, maximum: 900 }),
  min_vms: Type.Integer({ minimum: 0, maximum: 100, description: "VMs kept running" }),
  max_vms: Type.Integer({ minimum: 1, maximum: 100 }),
  max_concurrency: Type.Integer({
    minimum: 0,
    maximum: 10000,
    description: "Invocations at once in one VM; 0 is no limit",
  }),
  idle_timeout_seconds: Type.Integer({ minimum: 1, maximum: 86400 }),
  egress: Egress,
};

/** What a create request may leave out, and what it then means. */
export const functionDefaults = {
  handler: "handler",
  env: {},
  vcpu: 1,
  memory_mb: 256,
  timeout_seconds: 30,
  min_vms: 0,
  max_vms: 1,
  max_concurrency: 0,
  idle_timeout_seconds: 600,
  egress: "internet" as const,
};

const { name, code, ...optionalFields } = functionFields;

export const CreateFunctionRequest = Type.Object(
  {
    name,
    runtime: Type.String({ description: "One of GET /v1/runtimes" }),
    code,
    ...Type.Partial(Type.Object(optionalFields)).properties,
  },
  { additionalProperties: false },
);
export type CreateFunctionRequest = Static<typeof CreateFunctionRequest>;

export const UpdateFunctionRequest = Type.Partial(Type.Object(functionFields), {
  additionalProperties: false,
  minProperties: 1,
});
export type UpdateFunctionRequest = Static<typeof UpdateFunctionRequest>;

export const CreateFunctionResponse = Type.Object({ id: Type.String({ format: "uuid" }) });
export type CreateFunctionResponse = Static<typeof CreateFunctionResponse>;

const summaryFields = {
  id: Type.String({ format: "uuid" }),
  name: Type.String(),
  runtime: Type.String(),
  handler: Type.String(),
  timeout_seconds: Type.Integer(),
  memory_mb: Type.Integer(),
  vcpu: Type.Integer(),
  min_vms: Type.Integer(),
  max_vms: Type.Integer(),
  max_concurrency: Type.Integer(),
  idle_timeout_seconds: Type.Integer(),
  egress: Egress,
  vm_id: Nullable(Type.String({ format: "uuid" })),
  guest_ip: Nullable(Type.String()),
  port: Type.Integer({ description: "Of the runtime server, at `guest_ip`" }),
  vms: Type.Integer({ description: "VMs running now" }),
  state: FunctionStateSchema,
  revision: Type.Integer({ description: "Newest accepted revision" }),
  deployed_revision: Nullable(Type.Integer({ description: "Newest revision that loaded" })),
  last_error: Nullable(Type.String({ description: "Why the newest deploy or update failed" })),
  created_at: Timestamp,
  updated_at: Timestamp,
  last_invoked_at: Nullable(Timestamp),
};

export const FunctionSummary = Type.Object(summaryFields);
export type FunctionSummary = Static<typeof FunctionSummary>;

export const FunctionItem = Type.Object({
  ...summaryFields,
  code: Type.String(),
  env: Type.Record(Type.String(), Type.String()),
  egress_note: Nullable(
    Type.String({ description: "What of `egress` is not so on this host; null where it holds" }),
  ),
});
export type FunctionItem = Static<typeof FunctionItem>;

export const RevisionItem = Type.Object({
  revision: Type.Integer(),
  handler: Type.String(),
  code: Type.String(),
  env: Type.Record(Type.String(), Type.String()),
  vcpu: Type.Integer(),
  memory_mb: Type.Integer(),
  deployed: Type.Boolean({ description: "It is the one that serves" }),
  wanted: Type.Boolean({ description: "It is the newest, which the function asks for" }),
  created_at: Timestamp,
  deployed_at: Nullable(
    Type.String({ format: "date-time", description: "When it first served; null: it never did" }),
  ),
  error: Nullable(Type.String({ description: "Why its deploy failed" })),
});
export type RevisionItem = Static<typeof RevisionItem>;

export const RollbackRequest = Type.Object(
  {
    revision: Type.Integer({
      minimum: 1,
      description: "One of GET /v1/functions/{id}/revisions",
    }),
  },
  { additionalProperties: false },
);
export type RollbackRequest = Static<typeof RollbackRequest>;

export const ListFunctionsQuery = Type.Object(
  {
    name: Type.Optional(Type.String()),
    state: Type.Optional(FunctionStateSchema),
    runtime: Type.Optional(Type.String()),
    limit: Type.Optional(Type.Integer({ ...limit, description: "All of them unless given" })),
    offset: Type.Optional(offset),
  },
  { additionalProperties: false },
);
export type ListFunctionsQuery = Static<typeof ListFunctionsQuery>;
