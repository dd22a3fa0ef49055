import { LoaderCircle, Play } from "lucide-react";
import type { ReactNode } from "react";
import type { InvokeResponse } from "../../api.ts";
import { Button } from "../../ui/button.tsx";
import { InvokeResult } from "../../ui/invoke-result.tsx";
import { JsonEditor, jsonProblem } from "../../ui/json-editor.tsx";
import { Card } from "../../ui/page.tsx";

export interface TestCardProps {
  readonly event: string;
  readonly setEvent: (event: string) => void;
  /** What the button does, for instance "Deploy and test". */
  readonly label: string;
  /** How far a test is that is under way. */
  readonly phase: "deploy" | "test" | null;
  /** Why it cannot be done now; null where it can. */
  readonly reason: string | null;
  readonly onTest: () => void;
  readonly result: InvokeResponse | undefined;
}

/** Why an event cannot be sent; null where it can. */
export function eventProblem(event: string): string | null {
  return jsonProblem(event) === null ? null : "The event is not JSON";
}

/** An event, the button that tries the code with it, and what came of that. */
export function TestCard(props: TestCardProps): ReactNode {
  const { event, setEvent, label, phase, reason, onTest, result } = props;
  return (
    <Card title="Test">
      <div className="stack">
        <JsonEditor label="Event" value={event} onChange={setEvent} />
        <div className="toolbar">
          <Button disabledReason={reason} onClick={onTest}>
            {phase === null ? (
              <Play size={15} aria-hidden />
            ) : (
              <LoaderCircle size={15} aria-hidden className="spin" />
            )}{" "}
            {phase === null ? label : phase === "deploy" ? "Deploying …" : "Running …"}
          </Button>
          <span className="subtle">the same way as any call</span>
        </div>
        <InvokeResult result={result} />
      </div>
    </Card>
  );
}
