import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

import type { GuestAddress } from "../../core/vm.ts";

const pauseMs = 15;
const maxBodyBytes = 64 * 1024;

/**
 * Resolves when the runtime server at `address` answers `GET /health`; rejects with the reason of
 * `signal` when that aborts. `hint` says that now is a good time to ask: until then a question may
 * be lost in a guest that has no network yet, so each waits longer than the one before.
 */
export async function waitForHealth(
  address: GuestAddress,
  hint: Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const hinted = new AbortController();
  void hint.then(() => hinted.abort());
  for (let limitMs = 100; ;) {
    const limit = AbortSignal.timeout(hinted.signal.aborted ? 5_000 : limitMs);
    const interrupts = hinted.signal.aborted ? [] : [hinted.signal];
    if (await isHealthy(address, AbortSignal.any([signal, limit, ...interrupts]))) return;
    if (limit.aborted) limitMs = Math.min(2 * limitMs, 5_000);
    await sleep(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** Whether the server answers before `signal` aborts. Never rejects. */
function isHealthy({ host, port }: GuestAddress, signal: AbortSignal): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const call = request({ host, port, path: "/health", agent: false, signal }, (response) => {
    let body = "";
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => {
      body += chunk;
      if (body.length > maxBodyBytes) call.destroy();
    });
    response.on("end", () => resolve(response.statusCode === 200 && saysOk(body)));
    response.on("error", () => resolve(false));
    response.on("close", () => resolve(false));
  });
  call.on("error", () => resolve(false));
  call.end();
  return promise;
}

function saysOk(body: string): boolean {
  try {
    return (JSON.parse(body) as { status?: unknown } | null)?.status === "ok";
  } catch {
    return false;
  }
}
