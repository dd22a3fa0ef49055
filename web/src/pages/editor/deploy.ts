import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { type FunctionItem, type InvokeResponse } from "../../api.ts";
import { functionQuery, invokeFunction, queryClient } from "../../queries.ts";
import { isDeploying } from "../../ui/deploy-progress.tsx";

const askEveryMs = 250;

/** Waits until a deploy has ended, however it did, while `live.ts` shows how far it is. */
async function deployed(id: string): Promise<FunctionItem> {
  for (;;) {
    const item = await queryClient.fetchQuery({ ...functionQuery(id), staleTime: 0 });
    if (!isDeploying(item)) return item;
    await new Promise((resolve) => {
      setTimeout(resolve, askEveryMs);
    });
  }
}

/** A deploy that failed, in the guest's own words. */
export class DeployError extends Error {
  override readonly name = "DeployError";
}

/** What a page does to deploy what it shows. */
interface DeployParts {
  /** Sends what is new, and resolves to the function's id or name; nothing new is nothing to send. */
  readonly send: () => Promise<string | null>;
  /** Whom a test calls where nothing is new. */
  readonly target: string | null;
  /** JSON. */
  readonly event: string;
  readonly onServing?: (item: FunctionItem, tests: boolean) => void;
}

/** Deploys what is new, and then calls it where `tests` says so: by the API, as anybody does. */
export function useDeploy({ send, target, event, onServing }: DeployParts) {
  const [phase, setPhase] = useState<"deploy" | "test" | null>(null);
  const mutation = useMutation({
    mutationFn: async (tests: boolean): Promise<InvokeResponse | null> => {
      setPhase("deploy");
      const id = await send();
      if (id !== null) {
        const now = await deployed(id);
        if (now.last_error !== null) throw new DeployError(now.last_error);
        onServing?.(now, tests);
      }
      const called = id ?? target;
      if (!tests || called === null) return null;
      setPhase("test");
      return invokeFunction(called, JSON.parse(event));
    },
    onSettled: () => setPhase(null),
  });
  return {
    start: (tests: boolean) => mutation.mutate(tests),
    /** Why nothing can be begun now; null where it can. */
    busy:
      phase === null ? null : phase === "deploy" ? "It is being deployed" : "The test is running",
    phase,
    result: mutation.data ?? undefined,
    /** What the manager has against it; that it does not load is the function's own error. */
    error: mutation.error instanceof DeployError ? null : mutation.error,
  };
}
