import { useQuery } from "@tanstack/react-query";
import { Rocket } from "lucide-react";
import { type ReactNode, useState } from "react";
import type { FunctionItem } from "../../api.ts";
import { revisionsQuery } from "../../queries.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Check } from "../../ui/fields.tsx";
import { ErrorNotice, Loading } from "../../ui/notices.tsx";
import { CodeDifference } from "./code-editor.tsx";
import { type RevisionSettings, settingChanges } from "./setting-changes.ts";

/** A revision that there is, or that somebody thinks of. */
export type RevisionContent = RevisionSettings & { readonly code: string };

interface DifferenceDialogProps {
  readonly title: string;
  readonly item: FunctionItem;
  /** What is written. */
  readonly after: RevisionContent;
  readonly open: boolean;
  readonly onClose: () => void;
  /** What is written can be deployed from here where this is given. */
  readonly onDeploy?: () => void;
}

/** What is different between what serves and what is written. */
export function DifferenceDialog(props: DifferenceDialogProps): ReactNode {
  const { title, item, after, open, onClose, onDeploy } = props;
  const deploy = () => {
    onClose();
    onDeploy?.();
  };
  return (
    <Dialog title={title} open={open} onClose={onClose} wide>
      {open && <FromServing item={item} after={after} />}
      <div className="actions">
        <Button onClick={onClose}>{onDeploy ? "Back to the editor" : "Close"}</Button>
        {onDeploy && (
          <Button variant="primary" onClick={deploy}>
            <Rocket size={15} aria-hidden /> Deploy
          </Button>
        )}
      </div>
    </Dialog>
  );
}

/** Against the revision that serves: the newest is another where that does not load. */
function FromServing({ item, after }: Pick<DifferenceDialogProps, "item" | "after">): ReactNode {
  const { revision, deployed_revision: served } = item;
  const isOther = served !== null && served !== revision;
  const { data, error } = useQuery({ ...revisionsQuery(item.id), enabled: isOther });
  if (error) return <ErrorNotice error={error} />;
  if (isOther && data === undefined) return <Loading />;
  const serving = isOther ? data?.find((each) => each.revision === served) : undefined;
  return (
    <>
      <p className="subtle">
        {served === null
          ? `From revision ${revision}, which has never served.`
          : `From revision ${serving === undefined ? revision : served}, which serves.`}
      </p>
      <Comparison
        runtime={item.runtime}
        before={serving ?? item}
        after={{ vcpu: item.vcpu, memory_mb: item.memory_mb, ...after }}
      />
    </>
  );
}

interface ComparisonProps {
  readonly runtime: string;
  readonly before: RevisionContent;
  readonly after: RevisionContent;
}

/** The settings that differ, and the code with what is different in it; all of one and the same. */
export function Comparison({ runtime, before, after }: ComparisonProps): ReactNode {
  const [whole, setWhole] = useState(false);
  const changes = settingChanges(before, after);
  const isOther = before.code !== after.code;
  return (
    <div className="stack">
      {changes.length > 0 && (
        <ul className="setting-changes" aria-label="Changed settings">
          {changes.map((change) => (
            <li key={change.name}>
              <code>{change.name}</code> <Value text={change.before} /> <span aria-hidden>→</span>
              <span className="visually-hidden">becomes</span> <Value text={change.after} />
            </li>
          ))}
        </ul>
      )}
      {!isOther && before !== after ? (
        <p className="subtle">The code is the same.</p>
      ) : (
        <CodeDifference
          runtime={runtime}
          before={before.code}
          after={after.code}
          whole={whole || !isOther}
        />
      )}
      {isOther && (
        <Check label="Lines that are the same, too" checked={whole} onChange={setWhole} />
      )}
    </div>
  );
}

function Value({ text }: { readonly text: string | null }): ReactNode {
  if (text === null) return <span className="subtle">not set</span>;
  return text === "" ? <span className="subtle">empty</span> : <code>{text}</code>;
}
