import "./editor.css";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Rocket } from "lucide-react";
import { type ReactNode, useState } from "react";
import { client, type FunctionItem, type FunctionSummary, type RuntimeItem } from "../../api.ts";
import { functionQuery, functionsQuery, queryClient, runtimesQuery } from "../../queries.ts";
import { Button, ButtonLink } from "../../ui/button.tsx";
import { DeployProgress, isDeploying } from "../../ui/deploy-progress.tsx";
import { ErrorNotice, Loading, Notice } from "../../ui/notices.tsx";
import { Card, PageHeader } from "../../ui/page.tsx";
import {
  EgressFields,
  EnvFields,
  HandlerField,
  problemsOf,
  ScalingFields,
  type SettingsDraft,
  SizeFields,
} from "../../ui/settings-fields.tsx";
import { UnsavedGuard } from "../../ui/unsaved-guard.tsx";
import { CodeEditor } from "./code-editor.tsx";
import { useDeploy } from "./deploy.ts";
import { nameProblem } from "./function-name.ts";
import { type NewDraft, requestOf, useNewDraft } from "./new-draft.ts";
import { Choices } from "./new-choices.tsx";
import { ShortcutsHint, useShortcuts } from "./shortcuts.tsx";
import { eventProblem, TestCard } from "./test-card.tsx";

/** Write a function, deploy it, and see how it does. */
export function NewFunctionPage(): ReactNode {
  const { data: functions, error } = useQuery(functionsQuery);
  const { data: runtimes, error: noRuntimes } = useQuery(runtimesQuery);
  return (
    <div className="page">
      {functions && runtimes ? (
        <NewFunction functions={functions} runtimes={runtimes} />
      ) : (
        <>
          <PageHeader title="New function" above={<Link to="/functions">Functions</Link>} />
          {(error ?? noRuntimes) ? <ErrorNotice error={error ?? noRuntimes} /> : <Loading />}
        </>
      )}
    </div>
  );
}

interface NewFunctionProps {
  readonly functions: readonly FunctionSummary[];
  readonly runtimes: readonly RuntimeItem[];
}

function NewFunction(props: NewFunctionProps): ReactNode {
  const { item, now, parts, deploy, problems, whyNotSave, whyNotTest } = useNewFunction(props);
  const { draft, set, isChanged } = parts;
  const save = () => whyNotSave === null && deploy.start(false);
  const test = () => whyNotTest === null && deploy.start(true);
  useShortcuts({ onSave: save, onTest: test });
  const isNew = item === null;
  return (
    <>
      <UnsavedGuard unsaved={parts.isLosable} />
      <PageHeader title="New function" above={<Link to="/functions">Functions</Link>}>
        {parts.isKept && isNew && <Button onClick={parts.drop}>Discard</Button>}
        <Button variant="primary" disabledReason={whyNotSave} onClick={save}>
          <Rocket size={15} aria-hidden /> {isNew ? "Create" : "Deploy again"}
        </Button>
      </PageHeader>
      {deploy.error && <ErrorNotice error={deploy.error} />}
      {now && <Outcome item={now} />}
      <div className="editor-grid">
        <Card>
          <div className="stack">
            <Choices
              draft={draft}
              parts={parts}
              runtimes={props.runtimes}
              fixed={!isNew}
              problem={problems["name"]}
            />
            <CodeEditor
              runtime={draft.runtime}
              value={draft.code}
              error={now?.code === draft.code ? now.last_error : null}
              onChange={(code) => set({ code })}
            />
            {problems["code"] !== undefined && <p className="problem">{problems["code"]}</p>}
            <ShortcutsHint
              save={isNew ? "creates" : "deploys"}
              test={isNew ? "creates and tests" : "tests"}
            />
          </div>
        </Card>
        <div className="page">
          <TestCard
            event={draft.event}
            setEvent={(event) => set({ event })}
            label={isNew ? "Create and test" : isChanged ? "Deploy and test" : "Test"}
            phase={deploy.phase}
            reason={whyNotTest}
            onTest={test}
            result={deploy.result}
          />
          <Card title="Settings">
            <SettingsForm
              value={draft.settings}
              problems={problems}
              onChange={(settings) => set({ settings })}
            />
          </Card>
        </div>
      </div>
    </>
  );
}

/** The function that is written, what became of it, and what can be done with it now. */
function useNewFunction({ functions, runtimes }: NewFunctionProps) {
  /** As the manager accepted it last. */
  const [item, setItem] = useState<FunctionItem | null>(null);
  const taken = new Set(functions.filter(({ id }) => id !== item?.id).map(({ name }) => name));
  const parts = useNewDraft({ runtimes, taken, item });
  const { draft, isChanged } = parts;
  const known = useQuery({ ...functionQuery(item?.id ?? ""), enabled: item !== null });
  const now = known.data ?? item;
  const deploy = useDeploy({
    send: async () => {
      if (!isChanged) return null;
      const accepted = await sendFunction(draft, item);
      parts.accept();
      setItem(accepted);
      return accepted.id;
    },
    target: item?.id ?? null,
    event: draft.event,
  });
  // While it is being created its own name is there already.
  const wrongName = deploy.busy === null ? nameProblem(draft.name, taken) : null;
  const problems: Readonly<Record<string, string>> = {
    ...problemsOf(deploy.error),
    ...(wrongName !== null && { name: wrongName }),
  };
  const reason = deploy.busy ?? wrongName ?? (draft.code === "" ? "There is no code" : null);
  const isBroken = !isChanged && now?.state === "error";
  return {
    item,
    now,
    parts,
    deploy,
    problems,
    whyNotSave: reason ?? (isChanged ? null : "Nothing is changed"),
    whyNotTest:
      reason ?? (isBroken ? "It does not load: change it" : null) ?? eventProblem(draft.event),
  };
}

/** Creates the function, or updates the one that was created here. */
async function sendFunction(draft: NewDraft, item: FunctionItem | null): Promise<FunctionItem> {
  const { runtime, ...fields } = requestOf(draft);
  if (item !== null) return client.updateFunction(item.id, fields);
  const { id } = await client.createFunction({ ...fields, runtime });
  // It is there: that it cannot be read at once is tried again.
  return queryClient.fetchQuery(functionQuery(id));
}

function Outcome({ item }: { readonly item: FunctionItem }): ReactNode {
  if (item.last_error !== null) {
    return (
      <Notice tone="bad">
        <strong>It does not load.</strong>
        <pre>{item.last_error}</pre>
      </Notice>
    );
  }
  if (isDeploying(item)) return <DeployProgress item={item} />;
  return (
    <Notice tone="calm">
      <p role="status">{item.name} is ready. Test it here, or go to its page.</p>
      <div className="actions">
        <ButtonLink to="/functions/$function" params={{ function: item.name }} size="small">
          Open it
        </ButtonLink>
      </div>
    </Notice>
  );
}

interface FormProps {
  readonly value: SettingsDraft;
  readonly problems: Readonly<Record<string, string>>;
  readonly onChange: (value: SettingsDraft) => void;
}

function SettingsForm(props: FormProps): ReactNode {
  return (
    <div className="stack">
      <HandlerField {...props} />
      <SizeFields {...props} />
      <details className="more">
        <summary>Scaling, environment, network</summary>
        <div className="stack">
          <ScalingFields {...props} />
          <EnvFields {...props} />
          <EgressFields {...props} />
        </div>
      </details>
    </div>
  );
}
