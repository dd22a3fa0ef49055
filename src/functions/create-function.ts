import { PlatformError } from "../core/errors.ts";
import type { FunctionRecord, FunctionSpec } from "../core/function.ts";
import type { Span } from "../ports/telemetry.ts";
import { checkSpec } from "./check-spec.ts";
import type { Platform } from "./platform.ts";

/**
 * Stores a function and deploys it in the background. Resolves when it is on the disk; rejects
 * with `invalid_request` or `name_taken`.
 */
export function createFunction(
  platform: Platform,
  spec: FunctionSpec,
  caller?: Span,
): Promise<FunctionRecord> {
  const facts = { functionName: spec.name, runtime: spec.runtime };
  return platform.telemetry.follow("function.create", facts, caller, (span) =>
    create(platform, spec, span),
  );
}

async function create(platform: Platform, spec: FunctionSpec, span: Span): Promise<FunctionRecord> {
  checkSpec(spec);
  await checkRuntime(platform, spec.runtime);
  const now = platform.clock.now();
  const record: FunctionRecord = {
    ...spec,
    id: platform.clock.newId(),
    state: "creating",
    revision: 1,
    deployed: null,
    lastError: null,
    createdAt: now,
    updatedAt: now,
    lastInvokedAt: null,
  };
  await platform.registry.insert(record);
  span.note({ functionId: record.id });
  const facts = { ...span.ids, functionId: record.id, functionName: record.name };
  platform.log.info(facts, "Function created");
  platform.deployments.schedule(record.id, span);
  return record;
}

async function checkRuntime({ images }: Platform, wanted: string): Promise<void> {
  const names = (await images.list()).map((runtime) => runtime.name);
  if (names.includes(wanted)) return;
  const allowed = names.map((name) => `"${name}"`).join(", ");
  const message = `Invalid runtime: found "${wanted}", want one of ${allowed}`;
  throw new PlatformError("invalid_request", message);
}
