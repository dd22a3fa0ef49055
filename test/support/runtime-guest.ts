import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { Agent, type ClientRequestArgs, request } from "node:http";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";

import { pacedConnector } from "../../src/runtime/paced-connector.ts";
import type { Program } from "../contract/runtime-cases.ts";
import { waitUntil } from "./wait-until.ts";

/** A runtime server that was started for a test, wherever it runs. */
export interface StartedServer {
  readonly address: { readonly host: string; readonly port: number };
  /** Everything the server and the code in it wrote to the console so far. */
  readConsole(): Promise<string>;
  /** Ends it, also where it does not answer any more. */
  stop(): Promise<void>;
}

/** The body of a reply; what is in it is for the tests to check. */
// oxlint-disable-next-line typescript/no-explicit-any -- replies are checked field by field
export type ReplyBody = any;

export interface Reply {
  readonly status: number;
  readonly body: ReplyBody;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Called when the request has gone out whole. */
  readonly onSent?: () => void;
}

export interface InvokeOptions {
  readonly requestId?: string;
  readonly timeoutMs?: number;
  readonly traceparent?: string;
}

/** Opens its connections one after another; `pacedConnector` says why a VM wants it so. */
class PacedAgent extends Agent {
  readonly #connect = pacedConnector();

  override createConnection(
    { host, port }: ClientRequestArgs,
    callback: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    const target = { hostname: String(host), protocol: "http:", port: String(port) };
    // An Agent takes an error without a socket, which its type does not tell.
    this.#connect(target, (...[error, socket]) => callback(error, socket as Duplex));
  }
}

/** A client of one runtime server, for tests: it trusts nothing and retries nothing. */
export class RuntimeGuest {
  /** What its control calls are sent with; another once it was woken. */
  token = randomBytes(32).toString("base64url");
  readonly server: StartedServer;
  /** By how much more than a plain process everything takes here. */
  readonly slowFactor: number;
  #agent = new PacedAgent({ keepAlive: true });
  #revision = 0;

  constructor(server: StartedServer, slowFactor: number) {
    this.server = server;
    this.slowFactor = slowFactor;
  }

  /** Sends `body` as it is when it is a string or bytes, as JSON otherwise. */
  async request(
    method: string,
    path: string,
    body?: unknown,
    { headers = {}, signal, onSent }: RequestOptions = {},
  ): Promise<Reply> {
    const raw = typeof body === "string" || Buffer.isBuffer(body);
    const payload = body === undefined ? "" : raw ? body : JSON.stringify(body);
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const call = request({
      ...this.server.address,
      method,
      path,
      agent: this.#agent,
      headers: { "content-length": String(Buffer.byteLength(payload)), ...headers },
      ...(signal && { signal }),
    });
    call.on("error", reject);
    if (onSent) call.on("finish", onSent);
    call.on("response", (response) => {
      text(response)
        .then((reply) => ({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: JSON.parse(reply),
        }))
        .then(resolve, reject);
    });
    call.end(payload);
    return promise;
  }

  adopt(token = this.token): Promise<Reply> {
    return this.request("POST", "/control/adopt", { token, instance: "fn-test-00000000" });
  }

  /** Offers `program` as the next revision; the reply says whether it loaded. */
  load(program: Program, options: RequestOptions = {}): Promise<Reply> {
    this.#revision += 1;
    const bundle = {
      revision: this.#revision,
      function_name: "tested",
      memory_mb: 256,
      handler: program.handler ?? "handler",
      code: program.code,
      env: program.env ?? {},
    };
    return this.control("load", bundle, options);
  }

  /** A control call with the token. */
  control(name: string, body: unknown = {}, options: RequestOptions = {}): Promise<Reply> {
    const headers = { authorization: `Bearer ${this.token}` };
    return this.request("POST", `/control/${name}`, body, { headers, ...options });
  }

  /** Loads `program`, which must load; answers its revision. */
  async deploy(program: Program): Promise<number> {
    const reply = await this.load(program);
    assert.equal(reply.status, 200, `Cannot load: ${JSON.stringify(reply.body)}`);
    return reply.body.revision;
  }

  /** Invokes what serves; answers the reply's body, which must be a 200's. */
  async invoke(event?: unknown, options: InvokeOptions = {}): Promise<ReplyBody> {
    const { requestId = randomUUID(), timeoutMs = 30_000, traceparent } = options;
    const body = { request_id: requestId, event, timeout_ms: timeoutMs, traceparent };
    const reply = await this.request("POST", "/invoke", body);
    assert.equal(reply.status, 200, `Cannot invoke: ${JSON.stringify(reply.body)}`);
    assert.equal(reply.body.request_id, requestId);
    return reply.body;
  }

  /** Invokes what serves, which must succeed; answers the response. */
  async ask(event?: unknown, options: InvokeOptions = {}): Promise<ReplyBody> {
    const reply = await this.invoke(event, options);
    assert.equal(reply.status, "success", `${reply.error_type}: ${reply.error}\n${reply.stack}`);
    return reply.response;
  }

  /** Resolves when that many invocations run, as the server itself counts them. */
  untilInFlight(wanted: number): Promise<void> {
    const running = async () => (await this.request("GET", "/health")).body.in_flight === wanted;
    return waitUntil(`${wanted} invocations run`, running, 5_000 * this.slowFactor);
  }

  /** Resolves when the console shows `wanted`. */
  untilOnConsole(wanted: string): Promise<void> {
    const shown = async () => (await this.server.readConsole()).includes(wanted);
    return waitUntil(`${JSON.stringify(wanted)} on the console`, shown, 5_000 * this.slowFactor);
  }

  /** Ends all connections; further requests open new ones. */
  disconnect(): void {
    this.#agent.destroy();
    this.#agent = new PacedAgent({ keepAlive: true });
  }

  /** Ends all connections and the server. */
  async stop(): Promise<void> {
    this.#agent.destroy();
    await this.server.stop();
  }
}
