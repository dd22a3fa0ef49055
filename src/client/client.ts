import type { ChangeEvent, FollowEventsQuery } from "../api/events.ts";
import type {
  CreateFunctionRequest,
  CreateFunctionResponse,
  FunctionItem,
  FunctionSummary,
  ListFunctionsQuery,
  RevisionItem,
  UpdateFunctionRequest,
} from "../api/functions.ts";
import type { HealthResponse, HostItem, RuntimeItem } from "../api/host.ts";
import type {
  FollowInvocationsQuery,
  FunctionDayItem,
  InvocationEvent,
  InvocationPage,
  InvokeResponse,
  ListInvocationsQuery,
  StatisticsItem,
  StatisticsQuery,
} from "../api/invocations.ts";
import type { ErrorResponse, MessageResponse } from "../api/shared.ts";
import { readEvents, type EventStream } from "./event-stream.ts";
import type { VmFiguresItem, VmItem, VmNetworkItem, VmShellItem } from "../api/vms.ts";

/** The manager answered, and said no. */
export class ApiError extends Error {
  readonly status: number;
  /** The stable code of docs/errors.md. */
  readonly code: string;
  readonly requestId: string | null;

  constructor(answer: { status: number; body: Partial<ErrorResponse>; requestId: string | null }) {
    super(answer.body.error ?? `The manager answered ${answer.status} without a message`);
    this.name = "ApiError";
    this.status = answer.status;
    this.code = answer.body.code ?? "unknown";
    this.requestId = answer.requestId;
  }
}

/** No manager answered at the address. */
export class UnreachableError extends Error {
  readonly url: string;

  constructor(url: string, cause: unknown) {
    super(`No manager answers at ${url}`, { cause });
    this.name = "UnreachableError";
    this.url = url;
  }
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

interface Call {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly query?: Query;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Where a reader of a stream of events begins, and when it stops. */
export interface StreamPlace {
  /** The `lastEventId` of an earlier stream, to take up where that ended. */
  readonly lastEventId?: string | undefined;
  readonly signal: AbortSignal;
}

/** Where a caller is in a trace of its own: https://www.w3.org/TR/trace-context/ */
export interface CallerTrace {
  readonly traceparent: string;
  readonly tracestate?: string;
}

/**
 * A typed client of the manager's API. `id` is a function's id or its name. Every method rejects
 * with `ApiError` or `UnreachableError`.
 */
export class FireletClient {
  readonly #baseUrl: string;

  /** `baseUrl` is where the manager listens, for instance `http://127.0.0.1:18080`. */
  constructor(baseUrl: string) {
    this.#baseUrl = baseUrl.replace(/\/+$/, "");
  }

  /** Where the manager listens, without a slash at the end. */
  get url(): string {
    return this.#baseUrl;
  }

  async createFunction(request: CreateFunctionRequest): Promise<CreateFunctionResponse> {
    return this.#send({ method: "POST", path: "/v1/functions", body: request });
  }

  async listFunctions(query: ListFunctionsQuery = {}): Promise<FunctionSummary[]> {
    return this.#items({ method: "GET", path: "/v1/functions", query });
  }

  async getFunction(id: string): Promise<FunctionItem> {
    return this.#item({ method: "GET", path: functionPath(id) });
  }

  async updateFunction(id: string, request: UpdateFunctionRequest): Promise<FunctionItem> {
    return this.#item({ method: "PUT", path: functionPath(id), body: request });
  }

  /** Those that are kept, newest first. */
  async listRevisions(id: string): Promise<RevisionItem[]> {
    return this.#items({ method: "GET", path: `${functionPath(id)}/revisions` });
  }

  /** Resolves when the rollback is accepted; it is rolled out as an update is. */
  async rollbackFunction(id: string, revision: number): Promise<FunctionItem> {
    return this.#item({
      method: "POST",
      path: `${functionPath(id)}/rollback`,
      body: { revision },
    });
  }

  async deleteFunction(id: string): Promise<MessageResponse> {
    return this.#send({ method: "DELETE", path: functionPath(id) });
  }

  /** Resolves for every status of the invocation, `error` and `timeout` included. */
  async invokeFunction(id: string, event?: unknown, trace?: CallerTrace): Promise<InvokeResponse> {
    const body = event === undefined ? {} : { event };
    const path = `${functionPath(id)}/invoke`;
    return this.#send({ method: "POST", path, body, headers: { ...trace } });
  }

  async listInvocations(id: string, query: ListInvocationsQuery = {}): Promise<InvocationPage> {
    return this.#send({ method: "GET", path: `${functionPath(id)}/logs`, query });
  }

  /** The last 24 hours of all functions that were invoked in them. */
  async listFunctionDays(): Promise<FunctionDayItem[]> {
    return this.#items({ method: "GET", path: "/v1/stats" });
  }

  /** Counts, latency and a time series; of the last 24 hours unless `query` says otherwise. */
  async getFunctionStats(id: string, query: StatisticsQuery = {}): Promise<StatisticsItem> {
    return this.#item({ method: "GET", path: `${functionPath(id)}/stats`, query });
  }

  /** Invocations as they end, from now on or after the last event that was seen. */
  async followInvocations(
    id: string,
    query: FollowInvocationsQuery,
    place: StreamPlace,
  ): Promise<EventStream<InvocationEvent>> {
    return this.#stream({ method: "GET", path: `${functionPath(id)}/logs/stream`, query }, place);
  }

  /** What becomes of functions and VMs, from now on or after the last event that was seen. */
  async followEvents(
    query: FollowEventsQuery,
    place: StreamPlace,
  ): Promise<EventStream<ChangeEvent>> {
    return this.#stream({ method: "GET", path: "/v1/events", query }, place);
  }

  async listRuntimes(): Promise<RuntimeItem[]> {
    return this.#items({ method: "GET", path: "/v1/runtimes" });
  }

  async listVms(): Promise<VmItem[]> {
    return this.#items({ method: "GET", path: "/v1/vms" });
  }

  async getVm(id: string): Promise<VmItem> {
    return this.#item({ method: "GET", path: vmPath(id) });
  }

  /** What it sent and received, and what it may not connect to. */
  async getVmNetwork(id: string): Promise<VmNetworkItem> {
    return this.#item({ method: "GET", path: `${vmPath(id)}/network` });
  }

  /** Its figures of the last 15 minutes, the oldest first. */
  async listVmFigures(id: string): Promise<VmFiguresItem[]> {
    return this.#items({ method: "GET", path: `${vmPath(id)}/metrics` });
  }

  /** Where it has a shell, and what to log in with. */
  async getVmShell(id: string): Promise<VmShellItem> {
    return this.#send({ method: "GET", path: `${vmPath(id)}/shell` });
  }

  async deleteVm(id: string): Promise<MessageResponse> {
    return this.#send({ method: "DELETE", path: vmPath(id) });
  }

  /** The end of the guest's console log, as text. */
  async readVmConsole(id: string): Promise<string> {
    const answer = await this.#fetch({ method: "GET", path: `${vmPath(id)}/console` });
    return answer.text();
  }

  async getHost(): Promise<HostItem> {
    return this.#item({ method: "GET", path: "/v1/host" });
  }

  async getHealth(): Promise<HealthResponse> {
    return this.#send({ method: "GET", path: "/health" });
  }

  /** The manager's metrics, in the text format of Prometheus. */
  async readMetrics(): Promise<string> {
    return (await this.#fetch({ method: "GET", path: "/metrics" })).text();
  }

  async #item<T>(call: Call): Promise<T> {
    return (await this.#send<{ item: T }>(call)).item;
  }

  async #items<T>(call: Call): Promise<T[]> {
    return (await this.#send<{ items: T[] }>(call)).items;
  }

  async #send<T>(call: Call): Promise<T> {
    const answer = await this.#fetch(call);
    // The contract is the manager's to keep; its own tests check every answer against the schemas.
    return (await answer.json()) as T;
  }

  async #stream<E>(call: Call, { lastEventId, signal }: StreamPlace): Promise<EventStream<E>> {
    const headers = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
    const answer = await this.#fetch({ ...call, headers, signal });
    return readEvents<E>(answer, (error) => new UnreachableError(this.#baseUrl, error));
  }

  async #fetch(call: Call): Promise<Response> {
    const { method, path, query = {}, body, headers = {}, signal = null } = call;
    const url = new URL(this.#baseUrl + path);
    for (const [key, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(key, String(value));
    }
    const typed = { ...headers, "content-type": "application/json" };
    const init: RequestInit =
      body === undefined
        ? { method, headers, signal }
        : { method, headers: typed, signal, body: JSON.stringify(body) };
    let answer: Response;
    try {
      answer = await fetch(url, init);
    } catch (error) {
      throw new UnreachableError(this.#baseUrl, error);
    }
    if (!answer.ok) {
      throw new ApiError({
        status: answer.status,
        body: await errorBody(answer),
        requestId: answer.headers.get("x-request-id"),
      });
    }
    return answer;
  }
}

function functionPath(id: string): string {
  return `/v1/functions/${encodeURIComponent(id)}`;
}

function vmPath(id: string): string {
  return `/v1/vms/${encodeURIComponent(id)}`;
}

/** An answer that is no JSON did not come from a manager; its text is still the best hint. */
async function errorBody(answer: Response): Promise<Partial<ErrorResponse>> {
  const text = await answer.text();
  try {
    return JSON.parse(text) as Partial<ErrorResponse>;
  } catch {
    return { error: text.slice(0, 500) };
  }
}
