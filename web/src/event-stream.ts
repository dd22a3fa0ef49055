/** How long after a browser has given up on a stream it is opened again. */
const againMs = 2_000;

/**
 * Hears a stream of the manager's events for as long as it is wanted, also where the browser gives
 * up on it, as it does on an answer that is no stream, such as a proxy's. Returns what closes it.
 */
export function hearEvents(
  url: string,
  listeners: Readonly<Record<string, (event: MessageEvent<string>) => void>>,
): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let source: EventSource;
  const open = () => {
    source = new EventSource(url);
    for (const [type, listener] of Object.entries(listeners)) {
      source.addEventListener(type, (event) => listener(event as MessageEvent<string>));
    }
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, againMs);
    });
  };
  open();
  return () => {
    clearTimeout(timer);
    source.close();
  };
}
