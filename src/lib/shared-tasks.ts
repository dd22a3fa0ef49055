interface SharedTask<T> {
  readonly result: Promise<T>;
  readonly nobody: AbortController;
  callers: number;
}

/** Runs a task once for all who want it at the same time; aborts it when nobody does any more. */
export class SharedTasks<T> {
  readonly #tasks = new Map<string, SharedTask<T>>();
  /** Those that run, also where nobody waits for them any more. */
  readonly #running = new Set<Promise<T>>();

  /**
   * Joins the task of that name, or starts it. Settles as the task does; rejects with the reason of
   * `signal` where that aborts first, while the task goes on for the others.
   */
  async run(
    name: string,
    signal: AbortSignal,
    start: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted();
    const task = this.#tasks.get(name) ?? this.#start(name, start);
    task.callers += 1;
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const leave = () => {
      reject(signal.reason);
      task.callers -= 1;
      if (task.callers === 0) {
        // Whoever comes now starts it anew, rather than join what is being given up.
        this.#forget(name, task);
        task.nobody.abort(signal.reason);
      }
    };
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([task.result, aborted]);
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  /** Resolves when none runs; those that were given up may take a while to end. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  #start(name: string, start: (signal: AbortSignal) => Promise<T>): SharedTask<T> {
    const nobody = new AbortController();
    const task = { result: start(nobody.signal), nobody, callers: 0 };
    this.#running.add(task.result);
    const forget = () => {
      this.#running.delete(task.result);
      this.#forget(name, task);
    };
    task.result.then(forget, forget);
    this.#tasks.set(name, task);
    return task;
  }

  #forget(name: string, task: SharedTask<T>): void {
    if (this.#tasks.get(name) === task) this.#tasks.delete(name);
  }
}
