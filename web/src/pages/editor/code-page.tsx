import "./editor.css";
import { useMutation } from "@tanstack/react-query";
import { Rocket } from "lucide-react";
import { type ReactNode, useState } from "react";
import { client, type FunctionItem } from "../../api.ts";
import { Button } from "../../ui/button.tsx";
import { DeployProgress, isDeploying } from "../../ui/deploy-progress.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { whyNotInvoke } from "../../ui/invoke-panel.tsx";
import { ErrorNotice, Notice } from "../../ui/notices.tsx";
import { Card } from "../../ui/page.tsx";
import { useSavedEvents } from "../../ui/saved-events.ts";
import { toast } from "../../ui/toasts.tsx";
import { useDraft } from "../../ui/use-draft.ts";
import { useFunction } from "../function/use-function.ts";
import { CodeDifference, CodeEditor } from "./code-editor.tsx";
import { assertDeployed, deployed, DeployError } from "./deploy.ts";
import { TestCard } from "./test-card.tsx";

/** Code that is written, and the revision that it was begun from. */
interface Draft {
  readonly code: string;
  readonly revision: number;
}

/** A function's code: change it, see what is different, deploy it and try it. */
export function CodePage(): ReactNode {
  const item = useFunction();
  const { draft, keep, drop } = useDraft<Draft>(`code.${item.id}`);
  const [reviewing, setReviewing] = useState(false);
  const code = draft?.code ?? item.code;
  const changed = code !== item.code;
  const events = useSavedEvents(item.id);
  const deploy = useDeploy({ item, code, changed, event: events.text, drop });
  const busy = deploy.isPending || isDeploying(item) ? "It is being deployed" : null;
  const test = () => busy === null && deploy.mutate(true);
  return (
    <div className="page">
      <DeployProgress item={item} />
      {item.last_error !== null && <LoadError item={item} error={item.last_error} />}
      {deploy.error && !(deploy.error instanceof DeployError) && (
        <ErrorNotice error={deploy.error} />
      )}
      {changed && draft !== null && <Unsaved item={item} draft={draft} drop={drop} />}
      <div className="editor-grid">
        <Card>
          <div className="stack">
            <CodeEditor
              runtime={item.runtime}
              value={code}
              error={changed ? null : item.last_error}
              onChange={(next) => {
                if (next === item.code) drop();
                else keep({ code: next, revision: draft?.revision ?? item.revision });
              }}
              onSave={() => changed && setReviewing(true)}
              onTest={test}
            />
            <div className="actions">
              <Button
                variant="primary"
                disabledReason={busy ?? (changed ? null : "Nothing is changed")}
                onClick={() => setReviewing(true)}
              >
                <Rocket size={15} aria-hidden /> Review and deploy
              </Button>
            </div>
          </div>
        </Card>
        <TestCard
          event={events.text}
          setEvent={events.setText}
          label={changed ? "Deploy and test" : "Test"}
          reason={busy ?? (changed ? null : whyNotInvoke(item))}
          onTest={test}
          result={deploy.data ?? undefined}
        />
      </div>
      <DifferenceDialog
        title="What will change"
        item={item}
        code={code}
        open={reviewing}
        onClose={() => setReviewing(false)}
        onDeploy={() => deploy.mutate(false)}
      />
    </div>
  );
}

interface DeployParts {
  readonly item: FunctionItem;
  readonly code: string;
  readonly changed: boolean;
  readonly event: string;
  readonly drop: () => void;
}

/** Deploys what is written, where that is something new, and tests it where that is wanted. */
function useDeploy({ item, code, changed, event, drop }: DeployParts) {
  return useMutation({
    mutationFn: async (test: boolean) => {
      if (changed) {
        await client.updateFunction(item.id, { code });
        const now = await deployed(item.name);
        // What was deployed is no draft any more, also where it does not load: it is the newest code.
        drop();
        assertDeployed(now);
        if (!test) toast(`Revision ${now.revision} serves`);
      }
      return test ? client.invokeFunction(item.id, JSON.parse(event)) : null;
    },
  });
}

function LoadError({
  item,
  error,
}: {
  readonly item: FunctionItem;
  readonly error: string;
}): ReactNode {
  return (
    <Notice tone="bad">
      <strong>Revision {item.revision} does not load.</strong>{" "}
      {item.deployed_revision !== null && `Revision ${item.deployed_revision} goes on serving.`}
      <pre>{error}</pre>
    </Notice>
  );
}

interface UnsavedProps {
  readonly item: FunctionItem;
  readonly draft: Draft;
  readonly drop: () => void;
}

function Unsaved({ item, draft, drop }: UnsavedProps): ReactNode {
  const [comparing, setComparing] = useState(false);
  const moved = item.revision !== draft.revision;
  return (
    <Notice tone="calm">
      <p>
        Your changes are not deployed. This browser keeps them.
        {moved && ` Meanwhile somebody has deployed revision ${item.revision}.`}
      </p>
      <div className="actions">
        <Button size="small" onClick={() => setComparing(true)}>
          Show the difference
        </Button>
        <Button size="small" onClick={drop}>
          Discard them
        </Button>
      </div>
      <DifferenceDialog
        title="What is changed"
        item={item}
        code={draft.code}
        open={comparing}
        onClose={() => setComparing(false)}
      />
    </Notice>
  );
}

interface DifferenceDialogProps {
  readonly title: string;
  readonly item: FunctionItem;
  /** What is written. */
  readonly code: string;
  readonly open: boolean;
  readonly onClose: () => void;
  /** What is written can be deployed from here where this is given. */
  readonly onDeploy?: () => void;
}

function DifferenceDialog(props: DifferenceDialogProps): ReactNode {
  const { title, item, code, open, onClose, onDeploy } = props;
  return (
    <Dialog title={title} open={open} onClose={onClose} wide>
      <CodeDifference runtime={item.runtime} before={item.code} after={code} />
      <div className="actions">
        <Button onClick={onClose}>{onDeploy ? "Back to the editor" : "Close"}</Button>
        {onDeploy && (
          <Button
            variant="primary"
            onClick={() => {
              onClose();
              onDeploy();
            }}
          >
            <Rocket size={15} aria-hidden /> Deploy
          </Button>
        )}
      </div>
    </Dialog>
  );
}
