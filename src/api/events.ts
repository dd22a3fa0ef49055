import { Type, type Static } from "typebox";
import { Id, Nullable, ServerSentEvent, StreamEnd, Timestamp } from "./shared.ts";

const functionStates = ["creating", "booting", "deploying", "ready", "error"] as const;
const vmStates = ["booting", "adopting", "standby", "running", "stopping"] as const;

export const FollowEventsQuery = Type.Object(
  {
    function: Type.Optional(Type.String({ description: "Those of one function: its id or name" })),
  },
  { additionalProperties: false },
);
export type FollowEventsQuery = Static<typeof FollowEventsQuery>;

export const FunctionEvent = Type.Object(
  {
    at: Timestamp,
    change: Type.Enum([
      "created",
      "updated",
      "state_changed",
      "deployed",
      "deploy_failed",
      "deleted",
    ]),
    function_id: Id,
    function_name: Type.String({ examples: ["hello"] }),
    revision: Type.Integer({ description: "The newest; of `deployed`, the one that serves now" }),
    state: Type.Enum([...functionStates]),
    previous_state: Nullable(Type.Enum([...functionStates])),
    last_error: Nullable(Type.String({ description: "Why the newest deploy or update failed" })),
  },
  { title: "FunctionEvent" },
);
export type FunctionEvent = Static<typeof FunctionEvent>;

export const VmEvent = Type.Object(
  {
    at: Timestamp,
    vm_id: Id,
    vm_name: Type.String({ examples: ["fn-hello-550e8400"] }),
    function_id: Id,
    revision: Nullable(Type.Integer({ description: "Of the function, as loaded in this VM" })),
    state: Type.Enum([...vmStates, "gone"]),
    previous_state: Nullable(Type.Enum([...vmStates])),
    reason: Nullable(Type.String({ description: "Why it stops or is gone, where that is known" })),
  },
  { title: "VmEvent" },
);
export type VmEvent = Static<typeof VmEvent>;

/** Events of a stream of changes, with their data. `reset`: some were missed, read everything anew. */
export type ChangeEvent =
  | { readonly event: "function"; readonly data: FunctionEvent }
  | { readonly event: "vm"; readonly data: VmEvent }
  | { readonly event: "reset"; readonly data: object }
  | { readonly event: "end"; readonly data: StreamEnd };

/** The same as they go over the wire. */
export const ChangeStream = Type.Union([
  ServerSentEvent("function", FunctionEvent),
  ServerSentEvent("vm", VmEvent),
  ServerSentEvent("reset", Type.Object({})),
  ServerSentEvent("end", StreamEnd),
]);
