import { on } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { json } from "node:stream/consumers";
import { createWebSocketStream, WebSocket } from "ws";
import type { ErrorResponse } from "../api/shared.ts";
import type { VmFiguresItem } from "../api/vms.ts";
import { ApiError, type FireletClient, UnreachableError } from "./client.ts";

export interface ShellSize {
  readonly cols: number;
  readonly rows: number;
}

/** A shell in a VM. */
export interface VmShell {
  /** What is typed, and what its terminal prints. Ending it hangs up. */
  readonly stream: Duplex;
  resize(size: ShellSize): void;
  /** Resolves, never rejects, to how it ended: its exit status, or why it has none. */
  readonly ended: Promise<{ readonly status: number } | { readonly reason: string }>;
}

/** Opens a shell in a VM, already logged in. Rejects with `ApiError` or `UnreachableError`. */
export async function openVmShell(
  client: FireletClient,
  vm: string,
  size: ShellSize,
): Promise<VmShell> {
  const { username, password } = await client.getVmShell(vm);
  const credentials = Buffer.from(`${username}:${password}`).toString("base64");
  const path = `/v1/vms/${encodeURIComponent(vm)}/shell/ws?cols=${size.cols}&rows=${size.rows}`;
  const socket = await connect(client.url, path, { authorization: `Basic ${credentials}` });
  const stream = createWebSocketStream(socket);
  // How it ended is told by `ended`.
  stream.on("error", () => undefined);
  const ended = closing(socket).then((reason) => {
    const [, status] = /^exit status (\d+)$/.exec(reason) ?? [];
    return status === undefined ? { reason } : { status: Number(status) };
  });
  return {
    stream,
    resize: ({ cols, rows }) => socket.send(JSON.stringify({ type: "resize", cols, rows })),
    ended,
  };
}

/**
 * Yields a VM's figures once a second, and returns why there are no more. Throws `ApiError` or
 * `UnreachableError`.
 */
export async function* watchVm(
  client: FireletClient,
  vm: string,
): AsyncGenerator<VmFiguresItem, string> {
  const path = `/v1/vms/${encodeURIComponent(vm)}/metrics/ws`;
  const socket = await connect(client.url, path, {});
  const closed = closing(socket);
  try {
    for await (const [data] of on(socket, "message", { close: ["close"] })) {
      yield JSON.parse(String(data)) as VmFiguresItem;
    }
    return await closed;
  } finally {
    socket.terminate();
  }
}

async function connect(
  baseUrl: string,
  path: string,
  headers: Record<string, string>,
): Promise<WebSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<WebSocket>();
  const socket = new WebSocket(baseUrl.replace(/^http/, "ws") + path, { headers });
  socket.on("open", () => resolve(socket));
  socket.on("unexpected-response", (_request, response) => {
    void refusal(response).then(reject);
  });
  socket.on("error", (error) => reject(new UnreachableError(baseUrl, error)));
  return promise;
}

async function refusal(response: IncomingMessage): Promise<ApiError> {
  const body = (await json(response).catch(() => ({}))) as Partial<ErrorResponse>;
  const requestId = response.headers["x-request-id"];
  return new ApiError({
    status: response.statusCode ?? 0,
    body,
    requestId: typeof requestId === "string" ? requestId : null,
  });
}

function closing(socket: WebSocket): Promise<string> {
  return new Promise((resolve) => {
    socket.on("close", (_code, reason) => resolve(reason.toString() || "the connection broke"));
  });
}
