import { Pool, type Dispatcher } from "undici";
import { invocationLimits } from "../core/invocation.ts";
import { messageOf, PlatformError } from "../core/errors.ts";
import type { GuestAddress } from "../core/vm.ts";
import type {
  GuestConnection,
  GuestInvocation,
  GuestReply,
  LoadOutcome,
  RevisionBundle,
  RuntimeClient,
  Wake,
} from "../ports/runtime-client.ts";
import {
  parseFailure,
  parseHealth,
  parseLoadOutcome,
  parseReply,
  parseResumed,
} from "./guest-replies.ts";
import { GuestCall, type GuestAnswer } from "./guest-call.ts";
import { pacedConnector } from "./paced-connector.ts";
import { clockBackMessage, clockMessage, wakeMessage } from "./wake-message.ts";

/** What a guest may send in one reply: a response and logs, escaped, with room to spare. */
const maxReplyBytes = 4 * (invocationLimits.payloadBytes + invocationLimits.logBytes);

/** Sockets kept to one guest; beyond it calls wait their turn, as undici queues them. */
const maxConnections = 512;

/** Speaks docs/runtime-protocol.md over kept-alive HTTP. */
export class HttpRuntimeClient implements RuntimeClient {
  connect(address: GuestAddress): GuestConnection {
    return new HttpGuestConnection(address);
  }

  clockBack(): Uint8Array {
    return clockBackMessage();
  }

  wake(wake: Wake): Uint8Array {
    return wakeMessage(wake);
  }

  clock(now: Date): Uint8Array {
    return clockMessage(now);
  }
}

class HttpGuestConnection implements GuestConnection {
  readonly #pool: Pool;
  readonly #where: string;
  #headers: Record<string, string> = { "content-type": "application/json" };

  constructor({ host, port }: GuestAddress) {
    this.#where = `${host}:${port}`;
    this.#pool = new Pool(`http://${this.#where}`, {
      connections: maxConnections,
      pipelining: 1,
      connect: pacedConnector(),
      // The guest never closes an idle connection first, so none is lost between two calls.
      keepAliveTimeout: 600_000,
      keepAliveMaxTimeout: 600_000,
      // The caller holds the deadline: a handler may take up to 15 minutes before its first byte.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxResponseSize: maxReplyBytes,
    });
  }

  async adopt(token: string, instance: string, signal: AbortSignal): Promise<void> {
    this.#useToken(token);
    const wish = JSON.stringify({ token, instance });
    const { status, body } = await this.#post("/control/adopt", wish, signal);
    if (status !== 200) throw this.#broken(`adopt was answered ${status}: ${body.slice(0, 300)}`);
  }

  async load(bundle: RevisionBundle, signal: AbortSignal): Promise<LoadOutcome> {
    const { status, body } = await this.#post(
      "/control/load",
      JSON.stringify({
        revision: bundle.revision,
        function_name: bundle.functionName,
        memory_mb: bundle.memoryMib,
        handler: bundle.handler,
        code: bundle.code,
        env: bundle.env,
      }),
      signal,
    );
    return this.#parsed(() => parseLoadOutcome(status, body));
  }

  async quiesce(signal: AbortSignal): Promise<void> {
    const { status, body } = await this.#post("/control/quiesce", "{}", signal);
    if (status === 200) return;
    if (status === 422) throw this.#rejected(body);
    throw this.#broken(`quiesce was answered ${status}: ${body.slice(0, 300)}`);
  }

  async freeze(signal: AbortSignal): Promise<void> {
    const { status, body } = await this.#post("/control/freeze", "{}", signal);
    if (status !== 200) throw this.#broken(`freeze was answered ${status}: ${body.slice(0, 300)}`);
  }

  async confirm({ instance, token }: Wake, signal: AbortSignal): Promise<Date> {
    this.#useToken(token);
    const { status, body } = await this.#post("/control/resumed", "{}", signal);
    if (status === 422) throw this.#rejected(body);
    const resumed = this.#parsed(() => parseResumed(status, body));
    if (resumed.instance === instance) return resumed.time;
    const message = `Cannot start VM "${instance}": its clone says that it is "${resumed.instance}"`;
    throw new PlatformError("vm_start_failed", message);
  }

  async invoke(invocation: GuestInvocation, signal: AbortSignal): Promise<GuestReply> {
    const { status, body } = await this.#post("/invoke", invocationJson(invocation), signal);
    return this.#parsed(() => parseReply(status, body));
  }

  async isAlive(limitMs: number): Promise<boolean> {
    try {
      const limit = AbortSignal.timeout(limitMs);
      const { status, body } = await this.#send({ method: "GET", path: "/health" }, limit);
      return parseHealth(status, body);
    } catch {
      // Whatever it is that keeps the guest from answering, the answer is no.
      return false;
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  #post(path: string, body: string, signal?: AbortSignal): Promise<GuestAnswer> {
    return this.#send({ method: "POST", path, body, headers: this.#headers }, signal);
  }

  async #send(options: Dispatcher.DispatchOptions, signal?: AbortSignal): Promise<GuestAnswer> {
    signal?.throwIfAborted();
    const call = new GuestCall();
    const giveUp = () => call.abort(signal?.reason);
    signal?.addEventListener("abort", giveUp, { once: true });
    try {
      this.#pool.dispatch(options, call);
      return await call.answer;
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      throw this.#broken(messageOf(error), error);
    } finally {
      signal?.removeEventListener("abort", giveUp);
    }
  }

  #useToken(token: string): void {
    this.#headers = { ...this.#headers, authorization: `Bearer ${token}` };
  }

  /** The code failed at what it registered for snapshots, in the words that a load has. */
  #rejected(body: string): PlatformError {
    return new PlatformError(
      "code_rejected",
      this.#parsed(() => parseFailure(body)),
    );
  }

  #parsed<T>(parse: () => T): T {
    try {
      return parse();
    } catch (error) {
      throw this.#broken(messageOf(error), error);
    }
  }

  #broken(reason: string, cause?: unknown): PlatformError {
    return new PlatformError("vm_lost", `Lost the VM at ${this.#where}: ${reason}`, { cause });
  }
}

/** By hand, since the event is JSON already. */
function invocationJson(invocation: GuestInvocation): string {
  const { requestId, timeoutMs, traceparent, eventJson } = invocation;
  const trace = traceparent === undefined ? "" : `"traceparent":${JSON.stringify(traceparent)},`;
  return `{"request_id":${JSON.stringify(requestId)},"timeout_ms":${timeoutMs},${trace}"event":${eventJson}}`;
}
