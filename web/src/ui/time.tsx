import { type ReactNode, useSyncExternalStore } from "react";
import { formatAgo, formatTime } from "./format.ts";

let now = Date.now();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, 5_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** How long ago something was; the time itself when it is pointed at. */
export function Ago({ time }: { readonly time: string }): ReactNode {
  const seen = useSyncExternalStore(subscribe, () => now);
  return (
    <time dateTime={time} title={formatTime(time)}>
      {formatAgo(time, Math.max(seen, Date.parse(time)))}
    </time>
  );
}
