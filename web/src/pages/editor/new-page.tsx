import "./editor.css";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { Rocket } from "lucide-react";
import { type ReactNode, useState } from "react";
import { client, type FunctionItem } from "../../api.ts";
import { functionQuery, runtimesQuery } from "../../queries.ts";
import { Button, ButtonLink } from "../../ui/button.tsx";
import { DeployProgress } from "../../ui/deploy-progress.tsx";
import { Field } from "../../ui/fields.tsx";
import { ErrorNotice, Notice } from "../../ui/notices.tsx";
import { Card, PageHeader } from "../../ui/page.tsx";
import {
  EgressFields,
  EnvFields,
  newSettings,
  problemsOf,
  ScalingFields,
  type SettingsDraft,
  SizeFields,
  toRequest,
} from "../../ui/settings-fields.tsx";
import { toast } from "../../ui/toasts.tsx";
import { useDraft } from "../../ui/use-draft.ts";
import { CodeEditor } from "./code-editor.tsx";
import { assertDeployed, deployed, DeployError } from "./deploy.ts";
import { templatesOf } from "./templates.ts";
import { TestCard } from "./test-card.tsx";

/** A function that is not there yet, as it is written. */
interface Draft {
  readonly name: string;
  readonly runtime: string;
  readonly template: string;
  readonly code: string;
  readonly event: string;
  readonly settings: SettingsDraft;
}

/** Write a function, deploy it, and see how it does. */
export function NewFunctionPage(): ReactNode {
  const { draft: kept, keep, drop } = useDraft<Draft>("new");
  const draft = kept ?? firstDraft("node");
  const [id, setId] = useState<string | null>(null);
  const { data: item } = useQuery({ ...functionQuery(id ?? ""), enabled: id !== null });
  const deploy = useDeploy({ draft, id, setId, drop });
  const set = (fields: Partial<Draft>) => keep({ ...draft, ...fields });
  const problems = problemsOf(deploy.error);
  const busy = deploy.isPending ? "It is being deployed" : null;
  const failed = item?.last_error ?? null;
  return (
    <div className="page">
      <PageHeader title="New function" above={<Link to="/functions">Functions</Link>}>
        {kept !== null && id === null && <Button onClick={drop}>Discard</Button>}
        <Button variant="primary" disabledReason={busy} onClick={() => deploy.mutate(false)}>
          <Rocket size={15} aria-hidden /> {id === null ? "Create" : "Deploy again"}
        </Button>
      </PageHeader>
      {deploy.error && !(deploy.error instanceof DeployError) && (
        <ErrorNotice error={deploy.error} />
      )}
      {item && <Outcome item={item} />}
      <div className="editor-grid">
        <Card>
          <div className="stack">
            <Choices draft={draft} set={set} fixed={id !== null} problem={problems["name"]} />
            <CodeEditor
              runtime={draft.runtime}
              value={draft.code}
              error={failed}
              onChange={(code) => set({ code })}
              onSave={() => busy === null && deploy.mutate(false)}
              onTest={() => busy === null && deploy.mutate(true)}
            />
          </div>
        </Card>
        <div className="page">
          <TestCard
            event={draft.event}
            setEvent={(event) => set({ event })}
            label={id === null ? "Create and test" : "Deploy and test"}
            reason={busy}
            onTest={() => deploy.mutate(true)}
            result={deploy.data ?? undefined}
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
    </div>
  );
}

interface DeployParts {
  readonly draft: Draft;
  readonly id: string | null;
  readonly setId: (id: string) => void;
  readonly drop: () => void;
}

/** Creates the function, or updates the one that was created here, and tests it where that is wanted. */
function useDeploy({ draft, id, setId, drop }: DeployParts) {
  const navigate = useNavigate();
  return useMutation({
    mutationFn: async (test: boolean) => {
      const { name, runtime, code, settings } = draft;
      const request = { name, code, ...toRequest(settings) };
      const own = id ?? (await client.createFunction({ ...request, runtime })).id;
      setId(own);
      if (id !== null) await client.updateFunction(id, request);
      assertDeployed(await deployed(own));
      if (test) return client.invokeFunction(own, JSON.parse(draft.event));
      drop();
      toast(`${name} is ready`);
      await navigate({ to: "/functions/$function", params: { function: name } });
      return null;
    },
  });
}

function firstDraft(runtime: string, template = templatesOf(runtime)[0]): Draft {
  return {
    name: template?.functionName ?? "hello",
    runtime,
    template: template?.name ?? "",
    code: template?.code ?? "",
    event: JSON.stringify(template?.event ?? {}, null, 2),
    settings: newSettings,
  };
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
  if (item.state !== "ready") return <DeployProgress item={item} />;
  return (
    <Notice tone="calm">
      <p>{item.name} is ready.</p>
      <div className="actions">
        <ButtonLink to="/functions/$function" params={{ function: item.name }} size="small">
          Open it
        </ButtonLink>
      </div>
    </Notice>
  );
}

interface ChoicesProps {
  readonly draft: Draft;
  readonly set: (fields: Partial<Draft>) => void;
  /** Whether the function is there, and keeps its runtime. */
  readonly fixed: boolean;
  readonly problem: string | undefined;
}

function Choices({ draft, set, fixed, problem }: ChoicesProps): ReactNode {
  const { data: runtimes = [] } = useQuery(runtimesQuery);
  const choose = (runtime: string, name?: string) => {
    const template = templatesOf(runtime).find((each) => each.name === name);
    const { settings } = draft;
    set({ ...firstDraft(runtime, template), settings });
  };
  return (
    <div className="field-grid">
      <Field label="Name" problem={problem}>
        {(parts) => (
          <input
            {...parts}
            className="input"
            value={draft.name}
            spellCheck={false}
            onChange={({ target }) => set({ name: target.value })}
          />
        )}
      </Field>
      <Field label="Runtime">
        {(parts) => (
          <select
            {...parts}
            className="input"
            value={draft.runtime}
            disabled={fixed}
            onChange={({ target }) => choose(target.value)}
          >
            {runtimes.map(({ name, interpreter }) => (
              <option key={name} value={name}>
                {interpreter}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field label="Begin with">
        {(parts) => (
          <select
            {...parts}
            className="input"
            value={draft.template}
            onChange={({ target }) => choose(draft.runtime, target.value)}
          >
            {templatesOf(draft.runtime).map(({ name }) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        )}
      </Field>
    </div>
  );
}

interface FormProps {
  readonly value: SettingsDraft;
  readonly problems: Readonly<Record<string, string>>;
  readonly onChange: (value: SettingsDraft) => void;
}

function SettingsForm(props: FormProps): ReactNode {
  const { value, problems, onChange } = props;
  return (
    <div className="stack">
      <Field label="Handler" problem={problems["handler"]}>
        {(parts) => (
          <input
            {...parts}
            className="input"
            value={value.handler}
            spellCheck={false}
            onChange={({ target }) => onChange({ ...value, handler: target.value })}
          />
        )}
      </Field>
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
