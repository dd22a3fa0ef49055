import { CircleCheck, CircleDashed, LoaderCircle } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import type { FunctionItem, FunctionState } from "../api.ts";
import { Notice } from "./notices.tsx";

const steps: readonly (readonly [state: FunctionState, label: string])[] = [
  ["creating", "Creating"],
  ["booting", "Booting a VM"],
  ["deploying", "Loading the code"],
  ["ready", "Ready"],
];

/** Whether a revision was accepted that does not serve yet and has not failed. */
export function isDeploying(item: FunctionItem): boolean {
  if (item.state === "ready") {
    return item.revision !== item.deployed_revision && item.last_error === null;
  }
  return item.state !== "error";
}

/** How far the deploy of a function is, as it goes on; nothing where none is under way. */
export function DeployProgress({ item }: { readonly item: FunctionItem }): ReactNode {
  if (!isDeploying(item)) return null;
  if (item.state === "ready") {
    return (
      <Notice tone="progress">
        <p role="status">
          Deploying revision {item.revision} … Revision {item.deployed_revision} serves meanwhile.{" "}
          <Elapsed key={item.revision} />
        </p>
      </Notice>
    );
  }
  const reached = steps.findIndex(([state]) => state === item.state);
  return (
    <div role="status">
      <ol className="deploy-steps" aria-label="Deploy">
        {steps.map(([state, label], index) => (
          <li key={state} aria-current={index === reached ? "step" : undefined}>
            <StepIcon place={Math.sign(index - reached)} /> {label}
          </li>
        ))}
        <li>
          <Elapsed key={item.id} />
        </li>
      </ol>
    </div>
  );
}

function StepIcon({ place }: { readonly place: number }): ReactNode {
  if (place < 0) return <CircleCheck size={16} aria-hidden className="deploy-done" />;
  if (place > 0) return <CircleDashed size={16} aria-hidden />;
  return <LoaderCircle size={16} aria-hidden className="spin" />;
}

/** Since it is seen; screen readers need not hear every tenth of a second. */
function Elapsed(): ReactNode {
  const [begin] = useState(() => performance.now());
  const [now, setNow] = useState(begin);
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), 100);
    return () => clearInterval(timer);
  }, []);
  return (
    <span className="subtle" aria-hidden>
      {((now - begin) / 1_000).toFixed(1)} s
    </span>
  );
}
