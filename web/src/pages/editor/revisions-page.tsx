import "./editor.css";
import { useMutation, useQuery } from "@tanstack/react-query";
import { RotateCw, Undo2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { client, type FunctionItem, type RevisionItem } from "../../api.ts";
import { functionQuery, queryClient, revisionsQuery } from "../../queries.ts";
import { Button } from "../../ui/button.tsx";
import { DeployProgress } from "../../ui/deploy-progress.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { formatBytes } from "../../ui/format.ts";
import { ErrorNotice, Loading, Notice } from "../../ui/notices.tsx";
import { Card } from "../../ui/page.tsx";
import { RevisionBadge } from "../../ui/states.tsx";
import { Ago } from "../../ui/time.tsx";
import { toast } from "../../ui/toasts.tsx";
import { useFunction } from "../function/use-function.ts";
import { Comparison } from "./difference-dialog.tsx";

/** What is kept of a function's past, and the way back to it. */
export function RevisionsPage(): ReactNode {
  const item = useFunction();
  const { data: revisions, error, refetch } = useQuery(revisionsQuery(item.id));
  const [shown, setShown] = useState<RevisionItem | null>(null);
  const serving = revisions?.find(({ deployed }) => deployed);
  return (
    <div className="page">
      <DeployProgress item={item} />
      {error && <ErrorNotice error={error} retry={() => void refetch()} />}
      {revisions === undefined && !error && <Loading />}
      {revisions && (
        <Card flush>
          <ol aria-label="Revisions">
            {revisions.map((revision) => (
              <li key={revision.revision} className="revision-row">
                <Revision
                  revision={revision}
                  isServed={serving !== undefined}
                  onShow={() => setShown(revision)}
                />
              </li>
            ))}
          </ol>
        </Card>
      )}
      {shown && (
        <RevisionDialog
          item={item}
          revision={shown}
          serving={serving}
          onClose={() => setShown(null)}
        />
      )}
    </div>
  );
}

interface RevisionProps {
  readonly revision: RevisionItem;
  /** Whether there is one to compare it with. */
  readonly isServed: boolean;
  readonly onShow: () => void;
}

function Revision({ revision, isServed, onShow }: RevisionProps): ReactNode {
  const { deployed_at: served, error, deployed, wanted } = revision;
  return (
    <>
      <h2>Revision {revision.revision}</h2>
      {deployed && <RevisionBadge state="serving" />}
      {wanted && !deployed && error === null && <RevisionBadge state="deploying" />}
      {error !== null && <RevisionBadge state="failed" />}
      {wanted && <span className="badge tone-calm">Newest</span>}
      <div className="when">
        <p className="subtle">
          Made <Ago time={revision.created_at} />,{" "}
          {served === null ? "never served" : "first served "}
          {served !== null && <Ago time={served} />} · {formatBytes(sizeOf(revision.code))}
        </p>
        {error !== null && <p className="problem">{error.split("\n")[0]}</p>}
      </div>
      <Button size="small" onClick={onShow}>
        {isServed && !deployed ? "Compare" : "Show"}
        <span className="visually-hidden">
          {" "}
          revision {revision.revision}
          {isServed && !deployed && " with what serves"}
        </span>
      </Button>
    </>
  );
}

function sizeOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

interface RevisionDialogProps {
  readonly item: FunctionItem;
  readonly revision: RevisionItem;
  readonly serving: RevisionItem | undefined;
  readonly onClose: () => void;
}

/** What rolling back to a revision would change, and the button that does it. */
function RevisionDialog({ item, revision, serving, onClose }: RevisionDialogProps): ReactNode {
  const rollback = useMutation({
    mutationFn: () => client.rollbackFunction(item.id, revision.revision),
    onSuccess: (accepted) => {
      queryClient.setQueryData(functionQuery(item.name).queryKey, accepted);
      toast(`Deploying what revision ${revision.revision} is`);
      onClose();
    },
  });
  const { wanted: isNewest } = revision;
  // A deploy that failed may succeed when it is tried again.
  const whyNot = isNewest && revision.error === null ? "It is the newest already" : null;
  return (
    <Dialog title={`Revision ${revision.revision}`} open onClose={onClose} wide>
      <p className="subtle">
        {serving === undefined || revision.deployed
          ? "This is its code."
          : `From revision ${serving.revision}, which serves, to this one.`}
      </p>
      {revision.error !== null && (
        <Notice tone="bad">
          <strong>It did not load.</strong>
          <pre>{revision.error}</pre>
        </Notice>
      )}
      <Comparison runtime={item.runtime} before={serving ?? revision} after={revision} />
      {rollback.error && <ErrorNotice error={rollback.error} />}
      {whyNot === null && (
        <p className="subtle">
          This deploys it again, as revision {item.revision + 1}. All others stay, and what serves
          goes on until then.
        </p>
      )}
      <div className="actions">
        <Button onClick={onClose}>Close</Button>
        <Button
          variant="primary"
          disabledReason={rollback.isPending ? "It is being sent" : whyNot}
          onClick={() => rollback.mutate()}
        >
          {isNewest ? (
            <>
              <RotateCw size={15} aria-hidden /> Deploy it again
            </>
          ) : (
            <>
              <Undo2 size={15} aria-hidden /> Roll back to it
            </>
          )}
        </Button>
      </div>
    </Dialog>
  );
}
