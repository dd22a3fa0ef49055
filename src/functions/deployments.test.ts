import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settle } from "../../test/support/manual-clock.ts";
import { Semaphore } from "../lib/semaphore.ts";
import { Deployments } from "./deployments.ts";

/** Deploys that last until the test ends them, or they are cancelled. */
function deploymentsOf(slots: number) {
  const running = new Map<string, () => void>();
  const events: string[] = [];
  const errors: string[] = [];
  const log = {
    debug() {},
    info() {},
    warn() {},
    error: (_fields: object, message: string) => errors.push(message),
  };
  const deploy = (id: string, { signal }: { signal: AbortSignal }) =>
    new Promise<void>((resolve, reject) => {
      events.push(`start ${id}`);
      running.set(id, () => {
        events.push(`end ${id}`);
        resolve();
      });
      signal.addEventListener("abort", () => {
        events.push(`cancel ${id}`);
        reject(signal.reason as Error);
      });
    });
  return {
    deployments: new Deployments(deploy, new Semaphore(slots), log),
    events,
    errors,
    end: (id: string) => running.get(id)?.(),
  };
}

describe("Deployments", () => {
  it("runs so many at once and no more", async () => {
    const { deployments, events, end } = deploymentsOf(1);
    deployments.schedule("a");
    deployments.schedule("b");
    await settle();
    assert.deepEqual(events, ["start a"]);
    end("a");
    await settle();
    assert.deepEqual(events, ["start a", "end a", "start b"]);
  });

  it("stops a function's deploy before it starts the next one of it", async () => {
    const { deployments, events, errors } = deploymentsOf(2);
    deployments.schedule("a");
    await settle();
    deployments.schedule("a");
    await settle();
    assert.deepEqual(events, ["start a", "cancel a", "start a"]);
    assert.deepEqual(errors, []);
  });

  it("is settled only when the newest deploy has ended", async () => {
    const { deployments, end } = deploymentsOf(2);
    deployments.schedule("a");
    let settled = false;
    const waiting = deployments.settled("a").then(() => (settled = true));
    await settle();
    deployments.schedule("a");
    await settle();
    assert.equal(settled, false);
    end("a");
    await waiting;
  });

  it("cancels a deploy that still waits for its turn", async () => {
    const { deployments, events, end } = deploymentsOf(1);
    deployments.schedule("a");
    deployments.schedule("b");
    await settle();
    await deployments.cancel("b", new Error("deleted"));
    end("a");
    await settle();
    assert.deepEqual(events, ["start a", "end a"]);
  });
});
