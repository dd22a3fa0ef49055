import type { RevisionRecord } from "../core/function.ts";
import type { Platform } from "./platform.ts";

/** The revisions that are kept of a function, newest first. Rejects with `function_not_found`. */
export async function listRevisions(
  { registry, store }: Pick<Platform, "registry" | "store">,
  idOrName: string,
): Promise<readonly RevisionRecord[]> {
  return store.functions.listRevisions(registry.get(idOrName).id);
}
