import { useEffect, useState } from "react";
import { ApiError, client, openVmSocket, type VmFiguresItem } from "../../api.ts";
import { usePageVisible } from "../../ui/use-page-visible.ts";
import { joinFrames } from "./figure-series.ts";

/** How a VM's figures are followed: `lost` tries again, `ended` does not. */
export type FiguresPhase = "connecting" | "live" | "lost" | "ended";

export interface Figures {
  readonly phase: FiguresPhase;
  /** Of the last 15 minutes, the oldest first; kept when the VM goes. */
  readonly frames: readonly VmFiguresItem[];
  /** Why the manager closed the connection last, or what it answered. */
  readonly reason: string | null;
}

type Update = (change: (now: Figures) => Figures) => void;

const againMs = 1_000;
const begin: Figures = { phase: "connecting", frames: [], reason: null };

/** A VM's figures, a frame a second for as long as somebody looks at the page. */
export function useFigures(id: string): Figures {
  const [figures, setFigures] = useState(begin);
  const isVisible = usePageVisible();
  useEffect(() => {
    // Nobody looks: the manager need not ask the guest. What is missed meanwhile it keeps.
    if (!isVisible) return undefined;
    const stop = new AbortController();
    void follow(id, setFigures, stop.signal);
    return () => stop.abort();
  }, [id, isVisible]);
  return figures;
}

/** Reads what was, then hears what is, and begins again until the manager knows of no such VM. */
async function follow(id: string, update: Update, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const history = await client.listVmFigures(id);
      if (signal.aborted) return;
      update((now) => ({ ...now, frames: joinFrames(now.frames, history) }));
      const reason = await hear(id, update, signal);
      if (!signal.aborted) update((now) => ({ ...now, phase: "lost", reason }));
    } catch (error) {
      if (signal.aborted) return;
      const gone = error instanceof ApiError && error.status === 404;
      const reason = error instanceof ApiError ? error.message : null;
      update((now) => (gone ? { ...now, phase: "ended" } : { ...now, phase: "lost", reason }));
      if (gone) return;
    }
    await new Promise((resolve) => setTimeout(resolve, againMs));
  }
}

/** Resolves to why there are no more. */
function hear(id: string, update: Update, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = openVmSocket(id, "metrics/ws");
    signal.addEventListener("abort", () => socket.close());
    socket.addEventListener("message", ({ data }: MessageEvent<string>) => {
      const frame = JSON.parse(data) as VmFiguresItem;
      update((now) => ({
        phase: "live",
        reason: null,
        frames: joinFrames(now.frames, [frame]),
      }));
    });
    socket.addEventListener("close", ({ reason }) => resolve(reason || null));
  });
}
