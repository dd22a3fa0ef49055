import { messageOf } from "../core/errors.ts";
import type { Semaphore } from "../lib/semaphore.ts";
import type { Log } from "../ports/log.ts";
import type { Span } from "../ports/telemetry.ts";

export interface DeployOrder {
  readonly signal: AbortSignal;
  /** The call that asked for it; undefined where it is taken up again after a restart. */
  readonly span: Span | undefined;
}

/** Deploys one function; must handle its own failures and stop soon after `signal` aborts. */
type Deploy = (functionId: string, order: DeployOrder) => Promise<void>;

interface Deployment {
  readonly cancel: AbortController;
  readonly settled: Promise<void>;
}

/** Deploys in the background: one at a time of each function, and so many in all. */
export class Deployments {
  readonly #deploy: Deploy;
  readonly #slots: Semaphore;
  readonly #log: Log;
  readonly #current = new Map<string, Deployment>();

  constructor(deploy: Deploy, slots: Semaphore, log: Log) {
    this.#deploy = deploy;
    this.#slots = slots;
    this.#log = log;
  }

  /** Starts a deploy of what the function's record now says; one that is under way makes way. */
  schedule(functionId: string, span?: Span): void {
    const previous = this.#current.get(functionId);
    previous?.cancel.abort(new Error("A newer deploy of the function takes its place"));
    const cancel = new AbortController();
    const order = { signal: cancel.signal, span };
    const settled = this.#run(functionId, order, previous?.settled).finally(() => {
      if (this.#current.get(functionId)?.cancel === cancel) this.#current.delete(functionId);
    });
    this.#current.set(functionId, { cancel, settled });
  }

  /** Resolves when no deploy of the function is under way or waiting. Never rejects. */
  async settled(functionId: string): Promise<void> {
    for (
      let deployment = this.#current.get(functionId);
      deployment !== undefined;
      deployment = this.#current.get(functionId)
    ) {
      await deployment.settled;
    }
  }

  /** Stops the function's deploy and resolves when it has stopped. */
  async cancel(functionId: string, reason: Error): Promise<void> {
    this.#current.get(functionId)?.cancel.abort(reason);
    await this.settled(functionId);
  }

  /** Stops all of them; their functions are deployed again at the next start. */
  async cancelAll(reason: Error): Promise<void> {
    await Promise.all([...this.#current.keys()].map((id) => this.cancel(id, reason)));
  }

  async #run(
    functionId: string,
    order: DeployOrder,
    previous: Promise<void> | undefined,
  ): Promise<void> {
    await previous;
    const { signal, span } = order;
    try {
      await this.#slots.run(() => this.#deploy(functionId, order), signal);
    } catch (error) {
      if (signal.aborted) return;
      const facts = { ...span?.ids, functionId, error: messageOf(error) };
      this.#log.error(facts, "Deploy failed unexpectedly");
    }
  }
}
