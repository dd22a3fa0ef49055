import { once } from "node:events";
import { WebSocket } from "ws";
import type { GuestAgent, TerminalSize } from "../../src/ports/guest-agent.ts";

/** Opens terminals over the WebSocket at `url`, as a page in a browser would. */
export function webTerminals(url: string): Pick<GuestAgent, "openTerminal"> {
  return {
    openTerminal({ columns, rows, onOutput }) {
      const socket = new WebSocket(`${url}?cols=${columns}&rows=${rows}`);
      const opened = once(socket, "open");
      socket.on("message", (bytes: Buffer) => void onOutput(bytes));
      const ended = new Promise<number | null>((resolve) => {
        socket.on("close", (_code, reason) => {
          const [, status] = /^exit status (\d+)$/.exec(reason.toString()) ?? [];
          resolve(status === undefined ? null : Number(status));
        });
      });
      return {
        async write(bytes) {
          await opened;
          socket.send(bytes);
        },
        resize: ({ columns: cols, rows: newRows }: TerminalSize) =>
          socket.send(JSON.stringify({ type: "resize", cols, rows: newRows })),
        close: () => socket.close(),
        ended,
      };
    },
  };
}
