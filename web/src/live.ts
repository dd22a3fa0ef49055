import { useSyncExternalStore } from "react";
import type { FunctionEvent, FunctionItem, FunctionSummary, VmEvent } from "./api.ts";
import { hearEvents } from "./event-stream.ts";
import { deletionKey, functionsQuery, queryClient, vmReasonQuery } from "./queries.ts";

/** Whether the manager's changes are heard. */
export type Connection = "connecting" | "live" | "lost";

let connection: Connection = "connecting";
const listeners = new Set<() => void>();
/** What was told since the last time that something was read anew. */
const stale = new Set<string>();
let timer: ReturnType<typeof setTimeout> | undefined;

/** How long changes are gathered before what they are about is read: a deploy is a burst of them. */
const gatherMs = 150;

/** How long the manager is away before anything is said of it. */
const lostAfterMs = 1_500;

/** Hears what becomes of functions and VMs, for as long as the page is open, and keeps queries true. */
export function listen(): void {
  let lost: ReturnType<typeof setTimeout> | undefined;
  hearEvents("/v1/events", {
    open: () => {
      clearTimeout(lost);
      lost = undefined;
      // Whatever changed while nobody listened.
      if (connection === "lost") void queryClient.invalidateQueries();
      tell("live");
    },
    error: () => {
      lost ??= setTimeout(() => tell("lost"), lostAfterMs);
    },
    function: ({ data }) => takeFunction(JSON.parse(data) as FunctionEvent),
    vm: ({ data }) => {
      const { vm_id: vm, function_id: id, reason } = JSON.parse(data) as VmEvent;
      if (reason !== null) queryClient.setQueryData(vmReasonQuery(vm).queryKey, reason);
      readAnew("vms", `vms/${vm}`, "functions", `functions/${id}`, "host");
    },
    reset: () => void queryClient.invalidateQueries(),
  });
}

/** Shows the new state at once; the rest of the function is read anew. */
function takeFunction(event: FunctionEvent): void {
  const { function_id: id, function_name: name, state, revision, last_error: lastError } = event;
  if (event.change === "deleted") {
    queryClient.setQueryData(functionsQuery.queryKey, (items) =>
      items?.filter((item) => item.id !== id),
    );
  }
  const patch = <T extends FunctionSummary>(item: T): T =>
    item.id === id ? { ...item, state, revision, last_error: lastError } : item;
  queryClient.setQueryData(functionsQuery.queryKey, (items) => items?.map(patch));
  for (const key of [id, name]) {
    queryClient.setQueryData<FunctionItem>(["functions", key], (item) => item && patch(item));
  }
  readAnew("functions", "host");
  // Its pages are left as soon as it is deleted from one of them; there is nothing more to read.
  if (queryClient.isMutating({ mutationKey: deletionKey(id) }) > 0) return;
  readAnew(`functions/${id}`, `functions/${name}`, `revisions/${id}`);
}

/** Queries are named by the parts of their keys. */
function readAnew(...keys: readonly string[]): void {
  for (const key of keys) stale.add(key);
  timer ??= setTimeout(() => {
    timer = undefined;
    for (const key of stale) {
      const queryKey = key.split("/");
      // A list is not everything that begins with its key.
      void queryClient.invalidateQueries({ queryKey, exact: queryKey.length === 1 });
    }
    stale.clear();
  }, gatherMs);
}

function tell(now: Connection): void {
  if (connection === now) return;
  connection = now;
  for (const listener of listeners) listener();
}

export function useConnection(): Connection {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => connection,
  );
}
