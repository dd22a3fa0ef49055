import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useLayoutEffect, useRef, useState } from "react";
import { client, type VmItem } from "../../api.ts";
import { CopyButton } from "../../ui/copy.tsx";
import { Check } from "../../ui/fields.tsx";
import { ErrorNotice, Loading } from "../../ui/notices.tsx";
import { Card } from "../../ui/page.tsx";

/** The end of what the guest printed on its console, as it grows. */
export function VmConsole({
  vm,
  gone,
}: {
  readonly vm: VmItem;
  readonly gone: boolean;
}): ReactNode {
  const { data, error, refetch } = useQuery({
    queryKey: ["vms", vm.id, "console"],
    queryFn: () => client.readVmConsole(vm.id),
    refetchInterval: gone ? false : 2_000,
  });
  const [follows, setFollows] = useState(true);
  if (data === undefined) {
    return error ? <ErrorNotice error={error} retry={() => void refetch()} /> : <Loading />;
  }
  return (
    <Card
      title="Console log"
      actions={
        <div className="actions vm-console-actions">
          <Check label="Follow the end" checked={follows} onChange={setFollows} />
          <CopyButton text={data} label="Copy the console log" />
        </div>
      }
    >
      {error && <ErrorNotice error={error} />}
      {data === "" ? (
        <p className="subtle">
          It has not printed anything yet.
          {vm.restored_from !== null && " A clone of a snapshot prints nothing of its start."}
        </p>
      ) : (
        <Log text={data} follows={follows} onScrollUp={() => setFollows(false)} />
      )}
    </Card>
  );
}

function Log({
  text,
  follows,
  onScrollUp,
}: {
  readonly text: string;
  readonly follows: boolean;
  readonly onScrollUp: () => void;
}): ReactNode {
  const place = useRef<HTMLPreElement>(null);
  const last = useRef({ top: 0, height: 0 });
  useLayoutEffect(() => {
    const element = place.current;
    if (element !== null && follows && text !== "") element.scrollTop = element.scrollHeight;
  }, [text, follows]);
  return (
    <pre
      ref={place}
      className="code-block vm-console"
      role="region"
      aria-label="What it printed"
      tabIndex={0}
      onScroll={({ currentTarget: { scrollTop: top, scrollHeight: height } }) => {
        // Whoever goes back to read something wants it to stay there. A text that shrinks moves, too.
        if (top < last.current.top - 4 && height >= last.current.height) onScrollUp();
        last.current = { top, height };
      }}
    >
      {text}
    </pre>
  );
}
