import type { FunctionItem } from "../../api.ts";
import { functionQuery, queryClient } from "../../queries.ts";
import { isDeploying } from "../../ui/deploy-progress.tsx";

const askEveryMs = 250;

/** Waits until a deploy has ended, however it did, while `live.ts` shows how far it is. */
export async function deployed(id: string): Promise<FunctionItem> {
  for (;;) {
    const item = await queryClient.fetchQuery({ ...functionQuery(id), staleTime: 0 });
    if (!isDeploying(item)) return item;
    await new Promise((resolve) => {
      setTimeout(resolve, askEveryMs);
    });
  }
}

/** Rejects where the deploy of a function failed, with what its guest said. */
export function assertDeployed(item: FunctionItem): void {
  if (item.last_error !== null) throw new DeployError(item.last_error);
}

/** A deploy that failed, in the guest's own words. */
export class DeployError extends Error {
  override readonly name = "DeployError";
}
