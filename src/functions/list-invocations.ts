import type { InvocationPage, InvocationQuery } from "../ports/store.ts";
import type { Platform } from "./platform.ts";

/** A function's invocations, the one just answered included. Rejects with `function_not_found`. */
export async function listInvocations(
  { recorder, registry, store }: Pick<Platform, "recorder" | "registry" | "store">,
  idOrName: string,
  query: Omit<InvocationQuery, "functionId">,
): Promise<InvocationPage> {
  const { id } = registry.get(idOrName);
  await recorder.flush();
  return store.invocations.query({ ...query, functionId: id });
}
