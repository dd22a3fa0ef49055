import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Trash2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { client, type FunctionItem, type UpdateFunctionRequest } from "../../api.ts";
import { deletionKey, functionQuery, queryClient } from "../../queries.ts";
import { Button } from "../../ui/button.tsx";
import { DeployProgress } from "../../ui/deploy-progress.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Field } from "../../ui/fields.tsx";
import { ErrorNotice, Notice } from "../../ui/notices.tsx";
import { Card } from "../../ui/page.tsx";
import {
  EgressFields,
  EnvFields,
  problemsOf,
  ScalingFields,
  type SettingsDraft,
  settingsOf,
  type SettingsProps,
  SizeFields,
  toRequest,
} from "../../ui/settings-fields.tsx";
import { toast } from "../../ui/toasts.tsx";
import { UnsavedGuard } from "../../ui/unsaved-guard.tsx";
import { useFunction } from "./use-function.ts";

/** Everything of a function but its code, and its end. */
export function SettingsPage(): ReactNode {
  const item = useFunction();
  return (
    <div className="page">
      <DeployProgress item={item} />
      <SettingsForm key={item.id} item={item} />
      <DeleteCard item={item} />
    </div>
  );
}

function SettingsForm({ item }: { readonly item: FunctionItem }): ReactNode {
  const navigate = useNavigate();
  /** What is written; null where the form shows what is so. */
  const [draft, setDraft] = useState<Draft | null>(null);
  const { from, name, settings } = draft ?? draftOf(item);
  // What somebody else has changed since is not changed back.
  const changes = changesOf(from, { name, ...toRequest(settings) });
  const isChanged = Object.keys(changes).length > 0;
  const save = useMutation({
    mutationFn: () => client.updateFunction(item.id, changes),
    onSuccess: async (saved) => {
      queryClient.setQueryData(functionQuery(saved.name).queryKey, saved);
      // What was written meanwhile stays, as a change of what is saved.
      setDraft((now) => (now === draft || now === null ? null : { ...now, from: saved }));
      toast("Saved");
      // Its address has its name in it.
      const params = { function: saved.name };
      // The guard has not seen yet that nothing is unsaved any more.
      const there = { to: "/functions/$function/settings", params } as const;
      await navigate({ ...there, replace: true, ignoreBlocker: true });
    },
  });
  const problems = problemsOf(save.error);
  const parts = {
    value: settings,
    problems,
    onChange: (next: SettingsDraft) => setDraft({ from, name, settings: next }),
  };
  return (
    <form
      className="page"
      onSubmit={(event) => {
        event.preventDefault();
        if (isChanged && !save.isPending) save.mutate();
      }}
    >
      <UnsavedGuard unsaved={isChanged} />
      {save.error && <ErrorNotice error={save.error} />}
      <SettingsFields
        name={name}
        setName={(next) => setDraft({ from, name: next, settings })}
        {...parts}
      />
      <div className="toolbar settings-save">
        <Button
          type="submit"
          variant="primary"
          disabledReason={
            save.isPending ? "It is being saved" : isChanged ? null : "Nothing is changed"
          }
        >
          {save.isPending ? "Saving …" : "Save"}
        </Button>
        {isChanged && <Button onClick={() => setDraft(null)}>Discard</Button>}
        {isChanged && <span className="subtle">Not saved: {Object.keys(changes).join(", ")}</span>}
      </div>
    </form>
  );
}

/** What is written of a function, and the function as it was when that began. */
interface Draft {
  readonly from: FunctionItem;
  readonly name: string;
  readonly settings: SettingsDraft;
}

function draftOf(item: FunctionItem): Draft {
  return { from: item, name: item.name, settings: settingsOf(item) };
}

/** What of it is not so yet. */
function changesOf(item: FunctionItem, wanted: UpdateFunctionRequest): UpdateFunctionRequest {
  const entries = Object.entries(wanted).filter(
    ([key, value]) => JSON.stringify(value) !== JSON.stringify(item[key as keyof FunctionItem]),
  );
  return Object.fromEntries(entries);
}

function DeleteCard({ item }: { readonly item: FunctionItem }): ReactNode {
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  const [typed, setTyped] = useState("");
  const remove = useMutation({
    mutationKey: deletionKey(item.id),
    mutationFn: () => client.deleteFunction(item.id),
    onSuccess: async () => {
      await navigate({ to: "/functions", ignoreBlocker: true });
      queryClient.removeQueries(functionQuery(item.name));
      toast(`${item.name} is deleted`);
    },
  });
  const close = () => {
    setAsking(false);
    setTyped("");
  };
  return (
    <Card title="Delete">
      <div className="toolbar">
        <p className="subtle">Its VMs end, and its code, revisions and history are removed.</p>
        <Button variant="danger" onClick={() => setAsking(true)}>
          <Trash2 size={15} aria-hidden /> Delete …
        </Button>
      </div>
      <Dialog title={`Delete ${item.name}?`} open={asking} onClose={close}>
        <Notice tone="progress">
          <p>This cannot be undone.</p>
        </Notice>
        <Field label={`Type “${item.name}” to delete it`}>
          {(parts) => (
            <input
              {...parts}
              className="input"
              value={typed}
              autoComplete="off"
              spellCheck={false}
              onChange={({ target }) => setTyped(target.value)}
            />
          )}
        </Field>
        {remove.error && <ErrorNotice error={remove.error} />}
        <div className="actions">
          <Button onClick={close}>Keep it</Button>
          <Button
            variant="danger"
            disabledReason={
              remove.isPending
                ? "It is being deleted"
                : typed === item.name
                  ? null
                  : "Its name is not typed yet"
            }
            onClick={() => remove.mutate()}
          >
            Delete it
          </Button>
        </div>
      </Dialog>
    </Card>
  );
}

interface SettingsFieldsProps extends SettingsProps {
  readonly name: string;
  readonly setName: (name: string) => void;
}

function SettingsFields({ name, setName, ...parts }: SettingsFieldsProps): ReactNode {
  return (
    <>
      <Card title="Function">
        <div className="field-grid">
          <Field label="Name" problem={parts.problems?.["name"]}>
            {(field) => (
              <input
                {...field}
                className="input"
                value={name}
                onChange={({ target }) => setName(target.value)}
              />
            )}
          </Field>
          <Field label="Handler" problem={parts.problems?.["handler"]}>
            {(field) => (
              <input
                {...field}
                className="input"
                value={parts.value.handler}
                onChange={({ target }) => parts.onChange({ ...parts.value, handler: target.value })}
              />
            )}
          </Field>
        </div>
        <p className="subtle about-note">
          Another name or handler is deployed as a new revision. A new name changes the address that
          callers use.
        </p>
      </Card>
      <Card title="Size">
        <SizeFields {...parts} />
        <p className="subtle about-note">
          More or less memory or processors starts new VMs beside those that run, which then take
          over. A new timeout holds from the next call on.
        </p>
      </Card>
      <Card title="Scaling">
        <ScalingFields {...parts} />
        <p className="subtle about-note">Takes effect at once.</p>
      </Card>
      <Card title="Environment and network">
        <div className="stack">
          <EnvFields {...parts} />
          <EgressFields {...parts} />
          <p className="subtle about-note">
            New variables are deployed as a new revision. Where it may connect to changes at once,
            in all VMs.
          </p>
        </div>
      </Card>
    </>
  );
}
