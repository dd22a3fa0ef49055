import {
  Check,
  CircleAlert,
  CircleCheck,
  CirclePause,
  CircleX,
  Clock,
  LoaderCircle,
  type LucideIcon,
  Power,
} from "lucide-react";
import type { ReactNode } from "react";
import type { FunctionState, InvocationStatus, VmItem } from "../api.ts";

type Tone = "ok" | "progress" | "bad" | "calm";

/** How a state looks: never by its colour alone. */
interface Look {
  readonly label: string;
  readonly tone: Tone;
  readonly icon: LucideIcon;
  readonly spins?: true;
}

const functionLooks: Record<FunctionState, Look> = {
  creating: { label: "Creating", tone: "progress", icon: LoaderCircle, spins: true },
  booting: { label: "Booting", tone: "progress", icon: LoaderCircle, spins: true },
  deploying: { label: "Deploying", tone: "progress", icon: LoaderCircle, spins: true },
  ready: { label: "Ready", tone: "ok", icon: CircleCheck },
  error: { label: "Error", tone: "bad", icon: CircleX },
};

const vmLooks: Record<VmItem["state"], Look> = {
  booting: { label: "Booting", tone: "progress", icon: LoaderCircle, spins: true },
  adopting: { label: "Adopting", tone: "progress", icon: LoaderCircle, spins: true },
  standby: { label: "Standby", tone: "calm", icon: CirclePause },
  running: { label: "Running", tone: "ok", icon: CircleCheck },
  stopping: { label: "Stopping", tone: "progress", icon: Power },
};

const statusLooks: Record<InvocationStatus, Look> = {
  success: { label: "Success", tone: "ok", icon: Check },
  error: { label: "Error", tone: "bad", icon: CircleAlert },
  timeout: { label: "Timeout", tone: "bad", icon: Clock },
};

const revisionLooks = {
  serving: { label: "Serving", tone: "ok", icon: CircleCheck },
  deploying: { label: "Deploying", tone: "progress", icon: LoaderCircle, spins: true },
  failed: { label: "Failed", tone: "bad", icon: CircleX },
} as const satisfies Record<string, Look>;

/** The states of each kind with their words, to choose from. */
export const stateChoices = {
  function: choicesOf(functionLooks),
  vm: choicesOf(vmLooks),
  invocation: choicesOf(statusLooks),
};

function choicesOf(looks: Readonly<Record<string, Look>>) {
  return Object.entries(looks).map(([state, { label }]) => [state, label] as const);
}

function Badge({ label, tone, icon: Icon, spins }: Look): ReactNode {
  return (
    <span className={`badge tone-${tone}`}>
      <Icon size={14} aria-hidden className={spins && "spin"} />
      {label}
    </span>
  );
}

export function FunctionStateBadge({ state }: { readonly state: FunctionState }): ReactNode {
  return <Badge {...functionLooks[state]} />;
}

export function VmStateBadge({ state }: { readonly state: VmItem["state"] }): ReactNode {
  return <Badge {...vmLooks[state]} />;
}

export function RevisionBadge({
  state,
}: {
  readonly state: keyof typeof revisionLooks;
}): ReactNode {
  return <Badge {...revisionLooks[state]} />;
}

export function StatusBadge({ status }: { readonly status: InvocationStatus }): ReactNode {
  return <Badge {...statusLooks[status]} />;
}
