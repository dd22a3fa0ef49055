/** The only door to the manager's contract and its client; nothing else here knows where they are. */
import { ApiError, FireletClient, UnreachableError } from "../../src/client/client.ts";

export { ApiError, UnreachableError };
export { failureText } from "../../src/client/failure-text.ts";
export { functionDefaults } from "../../src/api/function-defaults.ts";
export { functionCan } from "../../src/core/function.ts";
export type { FunctionEvent, VmEvent } from "../../src/api/events.ts";
export type {
  FunctionItem,
  FunctionSummary,
  RevisionItem,
  UpdateFunctionRequest,
} from "../../src/api/functions.ts";
export type { DriverItem, HostItem, RuntimeItem } from "../../src/api/host.ts";
export type {
  FunctionDayItem,
  InvocationItem,
  InvocationPage,
  InvokeResponse,
  ListInvocationsQuery,
  StatisticsItem,
} from "../../src/api/invocations.ts";
export type { VmFiguresItem, VmItem, VmNetworkItem, VmShellItem } from "../../src/api/vms.ts";

export type FunctionState = "creating" | "booting" | "deploying" | "ready" | "error";
export type InvocationStatus = "success" | "error" | "timeout";

/** The manager that served this page. */
export const client = new FireletClient(window.location.origin);

/** A WebSocket about a VM: its figures (`metrics/ws`), or a terminal in it (`shell/ws?cols=…`). */
export function openVmSocket(id: string, path: string): WebSocket {
  const url = new URL(`/v1/vms/${encodeURIComponent(id)}/${path}`, window.location.origin);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  return socket;
}
