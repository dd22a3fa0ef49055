import websocket from "@fastify/websocket";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { WebSocket } from "ws";
import { PlatformError } from "../core/errors.ts";

/** What a client may say at once; what it pastes into a terminal is below that. */
const maxMessageBytes = 1024 * 1024;

/** How often a client is asked whether it still reads. One that has not answered by the next is dropped. */
const pingMs = 10_000;

/** How long a client may take to take leave of a manager that stops. */
const leaveMs = 1_000;

/** Lets routes have a `wsHandler`; upgrades go through all hooks, and so through the origin guard. */
export async function installWebSockets(app: FastifyInstance): Promise<void> {
  await app.register(websocket, {
    options: { maxPayload: maxMessageBytes },
    preClose(done: () => void) {
      const { clients } = app.websocketServer;
      for (const client of clients) client.close(1001, "The manager is stopping");
      const patience = setTimeout(() => {
        for (const client of clients) client.terminate();
      }, leaveMs);
      app.websocketServer.close(() => {
        clearTimeout(patience);
        done();
      });
    },
    errorHandler(error: Error, socket: WebSocket, request: FastifyRequest) {
      request.log.error({ err: error }, "WebSocket failed unexpectedly");
      socket.close(1011, "Internal error");
    },
  });
}

/** The answer of a route that is there to be upgraded, to a call that does not ask for that. */
export function refuseWithoutUpgrade(): never {
  throw new PlatformError("upgrade_required", "Upgrade required: want a WebSocket handshake");
}

/** Drops a client that does not answer pings: one that has gone, or reads nothing any more. */
export function dropWhenSilent(socket: WebSocket): void {
  let heard = true;
  socket.on("pong", () => {
    heard = true;
  });
  const timer = setInterval(() => {
    // While we do not read, its answer waits with everything else.
    if (socket.isPaused) return;
    if (!heard) return socket.terminate();
    heard = false;
    socket.ping();
  }, pingMs);
  socket.on("close", () => clearInterval(timer));
}

/** Ends a connection; a reason over 123 bytes, which a frame has no room for, is cut. */
export function closeWith(socket: WebSocket, code: number, reason: string): void {
  const bytes = Buffer.from(reason).subarray(0, 123);
  socket.close(code, new TextDecoder().decode(bytes, { stream: true }));
}
