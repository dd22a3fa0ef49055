import type { FunctionRecord } from "../../src/core/function.ts";
import type { InvocationRecord } from "../../src/core/invocation.ts";

/** What tests of records use as now. */
export const noon = new Date("2026-01-31T12:00:00.000Z");

/** A ready function that has not been deployed, but for the fields given. */
export function functionRecord(fields: Partial<FunctionRecord> = {}): FunctionRecord {
  return {
    id: "f",
    name: "hello",
    runtime: "node",
    handler: "handler",
    code: "code",
    env: {},
    vcpus: 1,
    memoryMib: 256,
    timeoutMs: 30_000,
    minVms: 0,
    maxVms: 1,
    maxConcurrency: 0,
    idleTimeoutMs: 600_000,
    egress: "internet",
    state: "ready",
    revision: 1,
    deployed: null,
    lastError: null,
    createdAt: noon,
    updatedAt: noon,
    lastInvokedAt: null,
    ...fields,
  };
}

/** A successful invocation of that function, but for the fields given. */
export function invocationRecord(fields: Partial<InvocationRecord>): InvocationRecord {
  return {
    id: "i",
    functionId: "f",
    requestId: "r",
    status: "success",
    durationMs: 2,
    coldStart: false,
    vmId: "v",
    error: null,
    errorType: null,
    stack: null,
    logs: [],
    event: "{}",
    response: "{}",
    invokedAt: noon,
    ...fields,
  };
}
