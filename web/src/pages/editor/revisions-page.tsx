import "./editor.css";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Undo2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { client, type FunctionItem, type RevisionItem } from "../../api.ts";
import { revisionsQuery } from "../../queries.ts";
import { Button } from "../../ui/button.tsx";
import { DeployProgress } from "../../ui/deploy-progress.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { formatBytes } from "../../ui/format.ts";
import { ErrorNotice, Loading } from "../../ui/notices.tsx";
import { Card } from "../../ui/page.tsx";
import { Ago } from "../../ui/time.tsx";
import { toast, toastError } from "../../ui/toasts.tsx";
import { useFunction } from "../function/use-function.ts";
import { CodeDifference } from "./code-editor.tsx";

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
          <ol>
            {revisions.map((revision) => (
              <li key={revision.revision} className="revision-row">
                <Revision revision={revision} onShow={() => setShown(revision)} />
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
  readonly onShow: () => void;
}

function Revision({ revision, onShow }: RevisionProps): ReactNode {
  const { deployed_at: served, error, deployed, wanted } = revision;
  return (
    <>
      <strong>Revision {revision.revision}</strong>
      {deployed && <span className="badge tone-ok">Serving</span>}
      {wanted && !deployed && error === null && (
        <span className="badge tone-progress">Deploying</span>
      )}
      {error !== null && <span className="badge tone-bad">Failed</span>}
      <div className="when">
        <span className="subtle">
          <Ago time={revision.created_at} />, {formatBytes(new Blob([revision.code]).size)},{" "}
          {served === null ? "never served" : "served"}
        </span>
        {error !== null && <p className="problem">{error.split("\n")[0]}</p>}
      </div>
      <Button size="small" onClick={onShow}>
        Compare
        <span className="visually-hidden"> revision {revision.revision} with what serves</span>
      </Button>
    </>
  );
}

interface RevisionDialogProps {
  readonly item: FunctionItem;
  readonly revision: RevisionItem;
  readonly serving: RevisionItem | undefined;
  readonly onClose: () => void;
}

function RevisionDialog({ item, revision, serving, onClose }: RevisionDialogProps): ReactNode {
  const rollback = useMutation({
    mutationFn: () => client.rollbackFunction(item.id, revision.revision),
    onSuccess: () => {
      toast(`Going back to revision ${revision.revision}`);
      onClose();
    },
    onError: (error) => toastError("It cannot be rolled back", error),
  });
  return (
    <Dialog title={`Revision ${revision.revision}`} open onClose={onClose} wide>
      <p className="subtle">
        {serving === undefined || revision.deployed
          ? "This is its code."
          : `What is different from revision ${serving.revision}, which serves.`}
      </p>
      <CodeDifference
        runtime={item.runtime}
        before={serving?.code ?? revision.code}
        after={revision.code}
      />
      <div className="actions">
        <Button onClick={onClose}>Close</Button>
        <Button
          variant="primary"
          disabledReason={
            revision.wanted
              ? "It is the newest already"
              : rollback.isPending
                ? "It is being rolled back"
                : null
          }
          onClick={() => rollback.mutate()}
        >
          <Undo2 size={15} aria-hidden /> Roll back to it
        </Button>
      </div>
    </Dialog>
  );
}
