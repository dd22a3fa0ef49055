import { egressRules } from "../core/egress.ts";
import type { FunctionSpec } from "../core/function.ts";
import type { NetworkFacts } from "../ports/network.ts";

/** What of a function's egress policy is not so on this host, for people; null where it holds. */
export function egressNote(
  { egress }: Pick<FunctionSpec, "egress">,
  { kind, outbound, egress: most }: NetworkFacts,
): string | null {
  if (kind === "host") {
    return "Not enforced: functions are processes of this host, and connect to whatever it does";
  }
  if (egressRules(egress).length === 0) return null;
  if (outbound) {
    if (most === "internet") return null;
    const allowed = typeof most === "string" ? most : most.join(", ");
    return `At most what network.egress of this host allows: ${allowed}`;
  }
  return "Nothing gets out: the network of this host's VMs cannot let out what egress allows; GET /v1/host says why";
}
