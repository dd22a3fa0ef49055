import { Type, type Static, type TSchema } from "typebox";

/**
 * The wire contract: JSON Schema that checks requests, types that both sides use, and what
 * `/openapi.json` is made of. Keys are snake_case; durations say their unit.
 */

const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Timestamp = Type.String({ format: "date-time", description: "UTC, RFC 3339" });

export const FunctionStateSchema = Type.Enum([
  "creating",
  "booting",
  "deploying",
  "ready",
  "error",
]);
export const InvocationStatusSchema = Type.Enum(["success", "error", "timeout"]);

const Egress = Type.Union(
  [Type.Enum(["none", "internet"]), Type.Array(Type.String(), { maxItems: 64 })],
  {
    description:
      '"none", "internet" (all but private and special addresses), or a list of at most 64 entries: "internet", an IPv4 address or block, a host name or *.name, each of these three with an optional :port or :from-to',
  },
);

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

const limit = Type.Integer({ minimum: 1, maximum: 1000 });
const offset = Type.Integer({ minimum: 0, default: 0 });

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

export const MessageResponse = Type.Object({ message: Type.String() });
export type MessageResponse = Static<typeof MessageResponse>;

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

export const VmItem = Type.Object({
  id: Type.String(),
  name: Type.String(),
  function_id: Type.String(),
  driver: Type.String(),
  accelerator: Type.String(),
  isolation: Type.Enum(["hardware", "emulated", "none"]),
  state: Type.Enum(["booting", "adopting", "standby", "running", "stopping"]),
  vcpu: Type.Integer(),
  memory_mb: Type.Integer(),
  guest_ip: Nullable(Type.String()),
  port: Type.Integer(),
  pid: Nullable(Type.Integer()),
  revision: Nullable(Type.Integer({ description: "Of the function, as loaded in this VM" })),
  in_flight: Type.Integer({ description: "Invocations running in it" }),
  started_at: Nullable(Timestamp),
  restored_from: Nullable(Type.String({ description: "The snapshot that it is a clone of" })),
});
export type VmItem = Static<typeof VmItem>;

const packets = (description: string) => Type.Integer({ description });

export const VmNetworkItem = Type.Object({
  egress: Egress,
  sent_bytes: Type.Integer(),
  received_bytes: Type.Integer(),
  dropped: Type.Object(
    {
      policy: packets("The egress policy does not allow it"),
      spoofed: packets("An address that is not the guest's own"),
      ipv6: packets("IPv6 is closed to functions"),
      limit: packets("More connections at once, or bytes a second, than a VM may have"),
    },
    { description: "Packets that were dropped or refused, by why" },
  ),
  refused_connections: Type.Array(
    Type.Object({
      address: Type.String(),
      protocol: Type.Enum(["tcp", "udp"]),
      port: Type.Integer(),
      packets: packets("Tries again among them"),
    }),
    { description: "Of the last 15 minutes, the most tried first" },
  ),
  refused_names: Type.Array(Type.String(), {
    description: "Names that the policy does not let it look up, the newest last; at most 100",
  }),
});
export type VmNetworkItem = Static<typeof VmNetworkItem>;

export const NetworkItem = Type.Object({
  kind: Type.Enum(["namespace", "user", "host"], {
    description:
      "namespace: each VM has one, and its egress policy holds; user: the VMM's own, which lets " +
      "nothing out; host: that of the host, which everything is open to",
  }),
  outbound: Type.Boolean({ description: "Whether anything can get out" }),
  egress: Egress,
  notes: Type.Array(Type.String(), { description: "Why it is not a namespace each" }),
});
export type NetworkItem = Static<typeof NetworkItem>;

export const RuntimeItem = Type.Object({
  name: Type.String(),
  interpreter: Type.String(),
  image_digest: Nullable(Type.String()),
  extensions: Type.Array(Type.String()),
  template: Type.String({ description: "A function to start from" }),
});
export type RuntimeItem = Static<typeof RuntimeItem>;

export const DriverItem = Type.Object({
  driver: Type.String(),
  usable: Type.Boolean(),
  version: Nullable(Type.String()),
  accelerator: Nullable(Type.String()),
  isolation: Nullable(Type.String()),
  notes: Type.Array(Type.String()),
  reason: Nullable(Type.String({ description: "Why it is not usable" })),
  remedy: Nullable(Type.String({ description: "What would make it usable" })),
});
export type DriverItem = Static<typeof DriverItem>;

export const HostItem = Type.Object({
  version: Type.String(),
  driver: Type.String(),
  driver_reason: Type.String({ description: "Why this driver was chosen" }),
  accelerator: Type.String(),
  isolation: Type.String(),
  warnings: Type.Array(Type.String()),
  drivers: Type.Array(DriverItem),
  network: NetworkItem,
  runtimes: Type.Array(Type.Omit(RuntimeItem, ["template"])),
  capacity: Type.Object({
    cpus: Type.Integer(),
    memory_mb: Type.Integer({ description: "Of the host" }),
    vms: Type.Integer({ description: "How many VMs there may be" }),
    vm_memory_mb: Type.Integer({ description: "What all guests may be promised together" }),
  }),
  use: Type.Object({
    functions: Type.Integer(),
    vms: Type.Integer(),
    vm_memory_mb: Type.Integer(),
    snapshots: Type.Integer(),
    snapshot_disk_bytes: Type.Integer({ description: "Blocks on the disk" }),
  }),
});
export type HostItem = Static<typeof HostItem>;

export const HealthResponse = Type.Object({ status: Type.Literal("ok"), version: Type.String() });
export type HealthResponse = Static<typeof HealthResponse>;

export const ErrorResponse = Type.Object({ error: Type.String(), code: Type.String() });
export type ErrorResponse = Static<typeof ErrorResponse>;

/** `{items}`, with more beside it where a list has more to say. */
export const ItemsOf = <T extends TSchema>(item: T) => Type.Object({ items: Type.Array(item) });
/** `{item}`. */
export const ItemOf = <T extends TSchema>(item: T) => Type.Object({ item });

export const InvocationPage = Type.Object({
  items: Type.Array(InvocationItem),
  total: Type.Integer({ description: "How many match, over all pages" }),
});
export type InvocationPage = Static<typeof InvocationPage>;
