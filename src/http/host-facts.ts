import type { HostItem } from "../api/host.ts";
import type { DriverKind } from "../core/vm.ts";
import type { VmProbe } from "../ports/vm-driver.ts";
import type { DriverFacts } from "./wire-mapping.ts";

/** What the manager found out about its host when it started. */
export interface HostFacts {
  readonly version: string;
  readonly driver: DriverFacts;
  /** Why this driver was chosen, a sentence. */
  readonly driverReason: string;
  /** What an operator must not miss, such as weak isolation. */
  readonly warnings: readonly string[];
  readonly probes: readonly { readonly kind: DriverKind; readonly probe: VmProbe }[];
  readonly capacity: HostItem["capacity"];
  /** Where the console was built; null where it was not. */
  readonly consoleFolder: string | null;
}
