import { Play } from "lucide-react";
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
  /** Why it cannot be done now; null where it can. */
  readonly reason: string | null;
  readonly onTest: () => void;
  readonly result: InvokeResponse | undefined;
}

/** An event, the button that tries the code with it, and what came of that. */
export function TestCard(props: TestCardProps): ReactNode {
  const { event, setEvent, label, onTest, result } = props;
  const reason = props.reason ?? (jsonProblem(event) && "The event is not JSON");
  return (
    <Card title="Test">
      <div className="stack">
        <JsonEditor label="Event" value={event} onChange={setEvent} />
        <div className="toolbar">
          <Button disabledReason={reason} onClick={onTest}>
            <Play size={15} aria-hidden /> {label}
          </Button>
          <span className="subtle">on a real VM, as any call</span>
        </div>
        {result && <InvokeResult result={result} />}
      </div>
    </Card>
  );
}
