import "./editor.css";
import { Rocket } from "lucide-react";
import { type ReactNode, useState } from "react";
import { client, type FunctionItem } from "../../api.ts";
import { functionQuery, queryClient } from "../../queries.ts";
import { Button } from "../../ui/button.tsx";
import { DeployProgress, isDeploying } from "../../ui/deploy-progress.tsx";
import { whyNotInvoke } from "../../ui/invoke-panel.tsx";
import { ErrorNotice, Notice } from "../../ui/notices.tsx";
import { Card } from "../../ui/page.tsx";
import { useSavedEvents } from "../../ui/saved-events.ts";
import { EnvFields, HandlerField, problemsOf, toEnv } from "../../ui/settings-fields.tsx";
import { Ago } from "../../ui/time.tsx";
import { toast } from "../../ui/toasts.tsx";
import { useFunction } from "../function/use-function.ts";
import { useCodeDraft } from "./code-draft.ts";
import { CodeEditor } from "./code-editor.tsx";
import { useDeploy } from "./deploy.ts";
import { DifferenceDialog } from "./difference-dialog.tsx";
import { ShortcutsHint, useShortcuts } from "./shortcuts.tsx";
import { eventProblem, TestCard } from "./test-card.tsx";

/** A function's code: change it, see what is different, deploy it and try it. */
export function CodePage(): ReactNode {
  const item = useFunction();
  // Another function is another draft.
  return <CodeOf key={item.id} item={item} />;
}

function CodeOf({ item }: { readonly item: FunctionItem }): ReactNode {
  const draft = useCodeDraft(item);
  const { written, isChanged } = draft;
  const events = useSavedEvents(item.id);
  const deploy = useDeploy({
    send: () => sendChanges(item, draft),
    target: item.id,
    event: events.text,
    onServing: (now, tests) => !tests && toast(`Revision ${now.revision} serves`),
  });
  const [reviewing, setReviewing] = useState(false);
  const busy = deploy.busy ?? (isDeploying(item) ? "It is being deployed" : null);
  // What is being deployed can be updated all the same, as where its deploy takes for ever.
  const whyNotSave = deploy.busy ?? (isChanged ? null : "Nothing is changed");
  const whyNotTest = busy ?? (isChanged ? null : whyNotInvoke(item)) ?? eventProblem(events.text);
  const review = () => whyNotSave === null && setReviewing(true);
  const test = () => whyNotTest === null && deploy.start(true);
  useShortcuts({ onSave: review, onTest: test });
  return (
    <div className="page">
      <DeployProgress item={item} />
      {item.last_error !== null && <LoadError item={item} error={item.last_error} />}
      {deploy.error && <ErrorNotice error={deploy.error} />}
      <div className="editor-grid">
        <Card>
          <div className="stack">
            <CodeEditor
              runtime={item.runtime}
              value={written.code}
              error={written.code === item.code ? item.last_error : null}
              onChange={(code) => draft.set({ code })}
            />
            <div className="toolbar">
              <Button variant="primary" disabledReason={whyNotSave} onClick={review}>
                <Rocket size={15} aria-hidden /> Review and deploy
              </Button>
              <Unsaved item={item} draft={draft} quiet={busy !== null} />
            </div>
            <ShortcutsHint save="reviews" test="tests" />
          </div>
        </Card>
        <div className="page">
          <TestCard
            event={events.text}
            setEvent={events.setText}
            label={isChanged ? "Deploy and test" : "Test"}
            phase={deploy.phase}
            reason={whyNotTest}
            onTest={test}
            result={deploy.result}
          />
          <EntryCard draft={draft} error={deploy.error} />
        </div>
      </div>
      <DifferenceDialog
        title="What will change"
        item={item}
        after={{ ...written, env: toEnv(written.env) }}
        open={reviewing}
        onClose={() => setReviewing(false)}
        onDeploy={() => deploy.start(false)}
      />
    </div>
  );
}

type DraftParts = ReturnType<typeof useCodeDraft>;

/** What is accepted is no draft any more, whether it loads or not: it is the newest revision. */
async function sendChanges(item: FunctionItem, parts: DraftParts): Promise<string | null> {
  const { changes, isChanged, settle } = parts;
  if (!isChanged) return null;
  const accepted = await client.updateFunction(item.id, changes);
  queryClient.setQueryData(functionQuery(item.name).queryKey, accepted);
  settle(accepted);
  return accepted.name;
}

/** What is called of the code, and with which variables. */
function EntryCard({
  draft,
  error,
}: {
  readonly draft: DraftParts;
  readonly error: unknown;
}): ReactNode {
  const { handler, env } = draft.written;
  const problems = problemsOf(error);
  return (
    <Card title="Handler and environment">
      <div className="stack">
        <HandlerField value={{ handler }} onChange={draft.set} problems={problems} />
        <EnvFields value={{ env }} onChange={draft.set} problems={problems} />
      </div>
    </Card>
  );
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
  readonly draft: DraftParts;
  /** Whether something is under way that changes the function, too. */
  readonly quiet: boolean;
}

function Unsaved({ item, draft: parts, quiet }: UnsavedProps): ReactNode {
  const [comparing, setComparing] = useState(false);
  const { draft, written, isChanged, isOutdated, drop } = parts;
  if (draft === null || !isChanged || quiet) return null;
  return (
    <>
      <Button onClick={drop}>Discard</Button>
      <p className="subtle">
        Your changes are not deployed. This browser keeps them, begun <Ago time={draft.since} />.
      </p>
      {isOutdated && (
        <Notice tone="progress">
          <p>
            Meanwhile somebody has deployed revision {item.revision}. To deploy what you have
            written replaces it.
          </p>
          <div className="actions">
            <Button size="small" onClick={() => setComparing(true)}>
              Show the difference
            </Button>
          </div>
        </Notice>
      )}
      <DifferenceDialog
        title="What is changed"
        item={item}
        after={{ ...written, env: toEnv(written.env) }}
        open={comparing}
        onClose={() => setComparing(false)}
      />
    </>
  );
}
