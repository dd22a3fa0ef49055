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
