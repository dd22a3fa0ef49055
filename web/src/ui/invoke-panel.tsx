import { useMutation } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { type ReactNode, useState } from "react";
import { functionCan, type FunctionSummary } from "../api.ts";
import { invokeFunction } from "../queries.ts";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { Field } from "./fields.tsx";
import { InvokeResult } from "./invoke-result.tsx";
import { JsonEditor, jsonProblem } from "./json-editor.tsx";
import { ErrorNotice } from "./notices.tsx";
import { useSavedEvents } from "./saved-events.ts";

/** Why a function cannot be invoked now; null where it can. */
export function whyNotInvoke(item: FunctionSummary): string | null {
  const permission = functionCan("invoke", item.state);
  if (permission === "now") return null;
  if (permission === "wait") return "It can be invoked when it is deployed";
  return "Its deploy failed: there is nothing to invoke";
}

/** Calls a function with an event, which is kept in this browser, and shows how that ended. */
export function InvokePanel({ item }: { readonly item: FunctionSummary }): ReactNode {
  const saved = useSavedEvents(item.id);
  const invoke = useMutation({
    mutationFn: (event: string) => invokeFunction(item.id, JSON.parse(event)),
  });
  const reason = whyNotInvoke(item) ?? (jsonProblem(saved.text) && "The event is not JSON");
  return (
    <form
      className="stack"
      onSubmit={(submit) => {
        submit.preventDefault();
        if (reason === null && !invoke.isPending) invoke.mutate(saved.text);
      }}
    >
      <JsonEditor label="Event" value={saved.text} onChange={saved.setText} />
      <div className="toolbar">
        <Button
          type="submit"
          variant="primary"
          disabledReason={invoke.isPending ? "It is running" : reason}
        >
          <Play size={15} aria-hidden /> {invoke.isPending ? "Running …" : "Invoke"}
        </Button>
        <SavedEvents saved={saved} />
      </div>
      {invoke.error && <ErrorNotice error={invoke.error} />}
      <InvokeResult result={invoke.data} />
    </form>
  );
}

type SavedEventsProps = { readonly saved: ReturnType<typeof useSavedEvents> };

function SavedEvents({ saved }: SavedEventsProps): ReactNode {
  const { names, name } = saved;
  const [naming, setNaming] = useState(false);
  return (
    <>
      {names.length > 0 && (
        <select
          className="input"
          aria-label="Saved events"
          value={name ?? ""}
          onChange={(event) => saved.choose(event.target.value)}
        >
          <option value="">Saved events …</option>
          {names.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
      )}
      <Button size="small" variant="quiet" onClick={() => setNaming(true)}>
        Save event
      </Button>
      {name !== null && (
        <Button size="small" variant="quiet" onClick={() => saved.remove()}>
          Forget “{name}”
        </Button>
      )}
      {naming && <SaveDialog saved={saved} onClose={() => setNaming(false)} />}
    </>
  );
}

function SaveDialog({
  saved,
  onClose,
}: SavedEventsProps & { readonly onClose: () => void }): ReactNode {
  const [name, setName] = useState(saved.name ?? "");
  const wanted = name.trim();
  const save = () => {
    saved.save(wanted);
    onClose();
  };
  return (
    <Dialog title="Save this event" open onClose={onClose}>
      <Field label="Name" hint="This browser keeps it, for this function">
        {(parts) => (
          <input
            {...parts}
            className="input"
            value={name}
            onChange={({ target }) => setName(target.value)}
            onKeyDown={(event) => {
              // A dialog is in the form of the page, for React; its Enter is not the form's.
              if (event.key !== "Enter") return;
              event.preventDefault();
              if (wanted !== "") save();
            }}
          />
        )}
      </Field>
      <div className="actions">
        <Button onClick={onClose}>Cancel</Button>
        <Button
          variant="primary"
          disabledReason={wanted === "" ? "It has no name yet" : null}
          onClick={save}
        >
          Save
        </Button>
      </div>
    </Dialog>
  );
}
