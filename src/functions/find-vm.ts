import { PlatformError } from "../core/errors.ts";
import type { FleetVm } from "../fleet/fleet-vm.ts";
import type { Platform } from "./platform.ts";

/** The VM of that id or name. Throws `vm_not_found`. */
export function findVm({ fleets }: Pick<Platform, "fleets">, idOrName: string): FleetVm {
  const vm = fleets.vms.find(({ spec }) => spec.id === idOrName || spec.name === idOrName);
  if (vm === undefined) throw new PlatformError("vm_not_found", `VM not found: "${idOrName}"`);
  return vm;
}
