import { Type } from "typebox";
import { Compile } from "typebox/compile";
import type { WebSocket } from "ws";
import { PlatformError } from "../core/errors.ts";
import type { FleetVm } from "../fleet/fleet-vm.ts";
import type { Terminal, TerminalOptions } from "../ports/guest-agent.ts";
import { closeWith, dropWhenSilent } from "./websockets.ts";

const size = { minimum: 1, maximum: 1000 };

/** What a client says as text. */
const Resize = Compile(
  Type.Object({
    type: Type.Literal("resize"),
    cols: Type.Integer(size),
    rows: Type.Integer(size),
  }),
);

/** Connects a WebSocket to the terminal in `vm` that `open` opens, until either ends. */
export function serveTerminal(
  socket: WebSocket,
  vm: FleetVm,
  open: (onOutput: TerminalOptions["onOutput"]) => Terminal,
): void {
  dropWhenSilent(socket);
  const print = (bytes: Uint8Array) =>
    new Promise<void>((resolve) => {
      // Called when the system has taken them, or the client has gone.
      socket.send(bytes, { binary: true }, () => resolve());
    });
  const terminal = openOrClose(socket, () => open(print));
  if (terminal === null) return;
  let typed = 0;
  socket.on("message", (data: Buffer, isBinary: boolean) => {
    if (!isBinary) return obey(data.toString(), socket, terminal);
    typed += 1;
    // Nothing more is read of a client that types faster than its program reads.
    socket.pause();
    void terminal.write(data).then(() => {
      typed -= 1;
      if (typed === 0) socket.resume();
    });
  });
  socket.on("close", () => terminal.close());
  void terminal.ended.then((status) => {
    if (status !== null) return closeWith(socket, 1000, `exit status ${status}`);
    const gone = vm.state === "stopping";
    closeWith(socket, 1001, gone ? `VM "${vm.spec.name}" has gone` : "The line to the guest broke");
  });
}

function openOrClose(socket: WebSocket, open: () => Terminal): Terminal | null {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    closeWith(socket, error.code === "too_many_shells" ? 1013 : 1011, error.message);
    return null;
  }
}

function obey(text: string, socket: WebSocket, terminal: Terminal): void {
  const message = parse(text);
  if (Resize.Check(message)) {
    return terminal.resize({ columns: message.cols, rows: message.rows });
  }
  const want = '{"type": "resize", "cols": 1 to 1000, "rows": 1 to 1000}';
  closeWith(socket, 1008, `Found text "${text.slice(0, 40)}", want ${want}`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
