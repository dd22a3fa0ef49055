import { egressRules } from "../core/egress.ts";
import { PlatformError } from "../core/errors.ts";
import type { FunctionSpec } from "../core/function.ts";

/** Of all names and values of a function's environment together, in UTF-8. */
const maxEnvBytes = 4096;

/** The rules that concern more than one field, or a sum; throws `invalid_request`. */
export function checkSpec(spec: FunctionSpec): void {
  if (spec.minVms > spec.maxVms) {
    throw invalid(
      `Invalid min_vms: found ${spec.minVms}, want at most max_vms, which is ${spec.maxVms}`,
    );
  }
  const envBytes = Object.entries(spec.env)
    .map(([name, value]) => Buffer.byteLength(name) + Buffer.byteLength(value))
    .reduce((sum, bytes) => sum + bytes, 0);
  if (envBytes > maxEnvBytes) {
    throw invalid(`Invalid env: found ${envBytes} bytes in all, want at most ${maxEnvBytes}`);
  }
  egressRules(spec.egress);
}

function invalid(message: string): PlatformError {
  return new PlatformError("invalid_request", message);
}
