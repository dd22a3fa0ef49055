import { Type, type Static } from "typebox";
import { Egress, Nullable } from "./shared.ts";

export const NetworkItem = Type.Object(
  {
    kind: Type.Enum(["namespace", "user", "host"], {
      description:
        "namespace: each VM has one, and its egress policy holds; user: the VMM's own, which lets " +
        "nothing out; host: that of the host, which everything is open to",
    }),
    outbound: Type.Boolean({ description: "Whether anything can get out" }),
    egress: Egress,
    notes: Type.Array(Type.String(), { description: "Why it is not a namespace each" }),
  },
  { title: "NetworkItem" },
);
export type NetworkItem = Static<typeof NetworkItem>;

export const RuntimeItem = Type.Object(
  {
    name: Type.String({ examples: ["node"] }),
    interpreter: Type.String({ examples: ["Node.js 24.21.0"] }),
    image_digest: Nullable(Type.String()),
    extensions: Type.Array(Type.String(), {
      description: "Of files in its language",
      examples: [[".js", ".mjs", ".ts"]],
    }),
    template: Type.String({ description: "A function to start from" }),
  },
  { title: "RuntimeItem" },
);
export type RuntimeItem = Static<typeof RuntimeItem>;

const InstalledRuntime = Type.Omit(RuntimeItem, ["template"], { title: "InstalledRuntime" });

export const DriverItem = Type.Object(
  {
    driver: Type.String(),
    usable: Type.Boolean(),
    version: Nullable(Type.String()),
    accelerator: Nullable(Type.String()),
    isolation: Nullable(Type.String()),
    notes: Type.Array(Type.String()),
    reason: Nullable(Type.String({ description: "Why it is not usable" })),
    remedy: Nullable(Type.String({ description: "What would make it usable" })),
  },
  { title: "DriverItem" },
);
export type DriverItem = Static<typeof DriverItem>;

export const HostItem = Type.Object(
  {
    version: Type.String(),
    driver: Type.String(),
    driver_reason: Type.String({ description: "Why this driver was chosen" }),
    accelerator: Type.String(),
    isolation: Type.String(),
    warnings: Type.Array(Type.String()),
    drivers: Type.Array(DriverItem),
    network: NetworkItem,
    runtimes: Type.Array(InstalledRuntime),
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
  },
  { title: "HostItem" },
);
export type HostItem = Static<typeof HostItem>;

export const HealthResponse = Type.Object(
  { status: Type.Literal("ok"), version: Type.String({ examples: ["0.1.0"] }) },
  { title: "HealthResponse" },
);
export type HealthResponse = Static<typeof HealthResponse>;
