import { Type, type Static, type TSchema } from "typebox";
import { functionDefaults } from "./function-defaults.ts";
import { Egress, Id, Nullable, Timestamp, limit, offset } from "./shared.ts";

export const FunctionStateSchema = Type.Enum(
  ["creating", "booting", "deploying", "ready", "error"],
  { title: "FunctionState" },
);

/** The function of the examples. */
const helloCode =
  "async function handler(event) {\n  return { message: `Hello, ${event.name}!` };\n}\n";
const helloPython =
  'def handler(event, context):\n    return {"message": f"Hello, {event[\'name\']}!"}\n';

const functionFields = {
  name: Type.String({
    pattern: "^[a-z][a-z0-9-]{0,62}$",
    description: 'Unique; 1 to 63 of a-z, 0-9 and "-", starting with a letter',
    examples: ["hello"],
  }),
  handler: Type.String({
    pattern: "^[A-Za-z_$][A-Za-z0-9_$-]*(\\.[A-Za-z_$][A-Za-z0-9_$]*)?$",
    maxLength: 128,
    description: "`function` or `module.function`",
    examples: ["handler"],
  }),
  code: Type.String({
    minLength: 1,
    description: "Source of the function",
    examples: [helloCode],
  }),
  env: Type.Record(Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_]*$" }), Type.String(), {
    description: "Environment variables, 4 KiB in all",
    examples: [{ GREETING: "Hello" }],
    additionalProperties: false,
  }),
  vcpu: Type.Integer({ minimum: 1, maximum: 32, description: "Processors of each VM" }),
  memory_mb: Type.Integer({ minimum: 128, maximum: 10240, description: "MiB of each VM" }),
  timeout_seconds: Type.Integer({
    minimum: 1,
    maximum: 900,
    description: "How long an invocation may take",
  }),
  min_vms: Type.Integer({ minimum: 0, maximum: 100, description: "VMs kept running" }),
  max_vms: Type.Integer({ minimum: 1, maximum: 100, description: "VMs at most" }),
  max_concurrency: Type.Integer({
    minimum: 0,
    maximum: 10000,
    description: "Invocations at once in one VM; 0 is no limit",
  }),
  idle_timeout_seconds: Type.Integer({
    minimum: 1,
    maximum: 86400,
    description: "After how long without an invocation a VM is stopped",
  }),
  egress: Egress,
};

const { name, code, ...optionalFields } = functionFields;

/** The fields with what they are where they are left out. */
function withDefaults<T extends Record<keyof typeof functionDefaults, TSchema>>(fields: T): T {
  const withDefault = Object.entries(functionDefaults).map(([field, value]) => [
    field,
    { ...fields[field as keyof typeof functionDefaults], default: value },
  ]);
  return Object.fromEntries(withDefault) as T;
}

export const CreateFunctionRequest = Type.Object(
  {
    name,
    runtime: Type.String({
      description: "One of GET /v1/runtimes",
      examples: ["node", "python"],
    }),
    code,
    ...Type.Partial(Type.Object(withDefaults(optionalFields))).properties,
  },
  {
    title: "CreateFunctionRequest",
    additionalProperties: false,
    "x-examples": {
      node: {
        summary: "Node.js",
        value: { name: "hello-node", runtime: "node", code: helloCode },
      },
      python: {
        summary: "Python, with settings",
        value: {
          name: "hello-python",
          runtime: "python",
          code: helloPython,
          env: { GREETING: "Hello" },
          memory_mb: 512,
          timeout_seconds: 10,
          max_vms: 4,
          egress: ["api.example.com:443"],
        },
      },
    },
  },
);
export type CreateFunctionRequest = Static<typeof CreateFunctionRequest>;

export const UpdateFunctionRequest = Type.Partial(Type.Object(functionFields), {
  title: "UpdateFunctionRequest",
  additionalProperties: false,
  minProperties: 1,
  "x-examples": {
    code: { summary: "Other code", value: { code: helloCode.replace("Hello", "Good morning") } },
    scaling: { summary: "More VMs, and one always", value: { min_vms: 1, max_vms: 8 } },
  },
});
export type UpdateFunctionRequest = Static<typeof UpdateFunctionRequest>;

export const CreateFunctionResponse = Type.Object({ id: Id }, { title: "CreateFunctionResponse" });
export type CreateFunctionResponse = Static<typeof CreateFunctionResponse>;

const summaryFields = {
  id: Id,
  name: Type.String({ examples: ["hello"] }),
  runtime: Type.String({ examples: ["node"] }),
  handler: Type.String({ examples: ["handler"] }),
  timeout_seconds: Type.Integer(),
  memory_mb: Type.Integer(),
  vcpu: Type.Integer(),
  min_vms: Type.Integer(),
  max_vms: Type.Integer(),
  max_concurrency: Type.Integer(),
  idle_timeout_seconds: Type.Integer(),
  egress: Egress,
  vm_id: Nullable(Id),
  guest_ip: Nullable(Type.String({ examples: ["198.18.0.2"] })),
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

export const FunctionSummary = Type.Object(summaryFields, { title: "FunctionSummary" });
export type FunctionSummary = Static<typeof FunctionSummary>;

export const FunctionItem = Type.Object(
  {
    ...summaryFields,
    code: Type.String(),
    env: Type.Record(Type.String(), Type.String()),
    egress_note: Nullable(
      Type.String({ description: "What of `egress` is not so on this host; null where it holds" }),
    ),
  },
  { title: "FunctionItem" },
);
export type FunctionItem = Static<typeof FunctionItem>;

export const RevisionItem = Type.Object(
  {
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
  },
  { title: "RevisionItem" },
);
export type RevisionItem = Static<typeof RevisionItem>;

export const RollbackRequest = Type.Object(
  {
    revision: Type.Integer({
      minimum: 1,
      description: "One of GET /v1/functions/{id}/revisions",
      examples: [1],
    }),
  },
  {
    title: "RollbackRequest",
    additionalProperties: false,
    "x-examples": { first: { summary: "To the first one", value: { revision: 1 } } },
  },
);
export type RollbackRequest = Static<typeof RollbackRequest>;

export const ListFunctionsQuery = Type.Object(
  {
    name: Type.Optional(Type.String({ description: "The one of this name" })),
    state: Type.Optional(FunctionStateSchema),
    runtime: Type.Optional(Type.String({ description: "Those of this runtime" })),
    limit: Type.Optional(Type.Integer({ ...limit, description: "All of them unless given" })),
    offset: Type.Optional(offset),
  },
  { additionalProperties: false },
);
export type ListFunctionsQuery = Static<typeof ListFunctionsQuery>;
