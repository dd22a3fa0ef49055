import { isDeepStrictEqual } from "node:util";
import { PlatformError } from "../core/errors.ts";
import type { FunctionRecord, FunctionRevision } from "../core/function.ts";
import type { Span } from "../ports/telemetry.ts";
import { listRevisions } from "./list-revisions.ts";
import type { Platform } from "./platform.ts";
import { updateFunction } from "./update-function.ts";

/**
 * Gives a function what it had in an earlier revision, as a new revision that is rolled out like
 * any update. Where the function asks for just that already, and its deploy has not failed,
 * nothing changes: a rollback may be repeated. Rejects with `function_not_found` or
 * `revision_not_found`.
 */
export async function rollbackFunction(
  platform: Platform,
  idOrName: string,
  revision: number,
  caller?: Span,
): Promise<FunctionRecord> {
  const { id, name } = platform.registry.get(idOrName);
  const kept = await listRevisions(platform, id);
  const target = kept.find((one) => one.revision === revision);
  if (target === undefined) {
    const found = kept.map((one) => one.revision).join(", ");
    const message = `Cannot roll back function "${name}" to revision ${revision}: found revisions ${found}, want one of them`;
    throw new PlatformError("revision_not_found", message);
  }
  const now = platform.registry.get(id);
  if (now.lastError === null && isDeepStrictEqual(content(now), content(target))) return now;
  platform.log.info({ ...caller?.ids, functionId: id, revision }, "Function is rolled back");
  return updateFunction(platform, id, content(target), caller);
}

function content({ handler, code, env, vcpus, memoryMib }: FunctionRevision) {
  return { handler, code, env, vcpus, memoryMib };
}
