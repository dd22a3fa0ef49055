import { Type, type Static } from "typebox";
import { Egress, Id, Nullable, Timestamp } from "./shared.ts";

export const VmItem = Type.Object(
  {
    id: Id,
    name: Type.String({ examples: ["fn-hello-550e8400"] }),
    function_id: Id,
    driver: Type.String({ examples: ["qemu"] }),
    accelerator: Type.String({ examples: ["kvm"] }),
    isolation: Type.Enum(["hardware", "emulated", "none"]),
    state: Type.Enum(["booting", "adopting", "standby", "running", "stopping"]),
    vcpu: Type.Integer(),
    memory_mb: Type.Integer(),
    guest_ip: Nullable(Type.String({ examples: ["198.18.0.2"] })),
    port: Type.Integer(),
    pid: Nullable(Type.Integer()),
    revision: Nullable(Type.Integer({ description: "Of the function, as loaded in this VM" })),
    in_flight: Type.Integer({ description: "Invocations running in it" }),
    started_at: Nullable(Timestamp),
    cpu_usage_percent: Nullable(
      Type.Number({
        description: "Of its processors, by the newest figures; null before the first",
      }),
    ),
    memory_used_bytes: Nullable(
      Type.Integer({
        description: "As its guest says where somebody looks, or as the host counts",
      }),
    ),
    restored_from: Nullable(Type.String({ description: "The snapshot that it is a clone of" })),
  },
  { title: "VmItem" },
);
export type VmItem = Static<typeof VmItem>;

const packets = (description: string) => Type.Integer({ description });

export const VmNetworkItem = Type.Object(
  {
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
  },
  { title: "VmNetworkItem" },
);
export type VmNetworkItem = Static<typeof VmNetworkItem>;

const bytes = (description: string) => Type.Integer({ minimum: 0, description });
const cpu = (description: string) => Type.Number({ minimum: 0, description });

const GuestFigures = Type.Object(
  {
    cpu_usage_percent: cpu("Of all its processors, since the figures before"),
    memory_used_bytes: bytes("What programs could not have any more"),
    memory_total_bytes: bytes("What its kernel has to give"),
    memory_peak_bytes: bytes("The most that the runtime server had resident"),
    network_in_bytes: bytes("Since its start, or its snapshot's"),
    network_out_bytes: bytes("Since its start, or its snapshot's"),
    disk_read_bytes: bytes("Since its start, or its snapshot's"),
    disk_write_bytes: bytes("Since its start, or its snapshot's"),
  },
  { title: "GuestFigures", description: "What the guest says of itself" },
);

const VmmFigures = Type.Object(
  {
    cpu_usage_percent: cpu(
      "Of as many of the host's processors as the VM has, the VMM's own work in it",
    ),
    memory_bytes: bytes("Resident on the host; what clones share is counted in each"),
    network_in_bytes: Nullable(bytes("Since its start; null where it is not counted")),
    network_out_bytes: Nullable(bytes("Since its start; null where it is not counted")),
    disk_read_bytes: Nullable(bytes("Since its start; null where it has no disk")),
    disk_write_bytes: Nullable(bytes("Since its start; null where it has no disk")),
  },
  { title: "VmmFigures", description: "What the host counts, whatever the guest says" },
);

export const VmFiguresItem = Type.Object(
  {
    vm_id: Id,
    timestamp: Timestamp,
    cpu_usage_percent: cpu("The guest's, or else the VMM's"),
    memory_usage_percent: Type.Number({ minimum: 0 }),
    memory_used_bytes: bytes("The guest's, or else the VMM's"),
    memory_total_bytes: bytes("The guest's, or else what it was given"),
    memory_peak_bytes: Nullable(bytes("The guest's")),
    network_in_bytes: Nullable(bytes("The VMM's, or else the guest's")),
    network_out_bytes: Nullable(bytes("The VMM's, or else the guest's")),
    disk_read_bytes: Nullable(bytes("The VMM's, or else the guest's")),
    disk_write_bytes: Nullable(bytes("The VMM's, or else the guest's")),
    guest: Nullable(GuestFigures),
    vmm: VmmFigures,
  },
  { title: "VmFiguresItem" },
);
export type VmFiguresItem = Static<typeof VmFiguresItem>;

export const VmShellItem = Type.Object(
  {
    username: Type.String({ examples: ["root"] }),
    password: Type.String({ description: "Of this VM alone, and while it lives" }),
    ws_url: Type.String({
      description: "A terminal: asks for both, unless they come as HTTP Basic authorization",
      examples: ["ws://localhost:18080/v1/vms/550e8400-e29b-41d4-a716-446655440000/shell/ws"],
    }),
  },
  { title: "VmShellItem" },
);
export type VmShellItem = Static<typeof VmShellItem>;
