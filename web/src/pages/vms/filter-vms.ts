import type { VmItem } from "../../api.ts";

/** Which VMs are shown; what is left out lets all pass, as an empty text does. */
export interface VmFilter {
  readonly search: string;
  /** A function's id. */
  readonly functionId: string | undefined;
  readonly state: VmItem["state"] | undefined;
}

/** The VMs that pass the filter, those that started last first; `nameOf` tells a function's name. */
export function filterVms(
  vms: readonly VmItem[],
  { search, functionId, state }: VmFilter,
  nameOf: (functionId: string) => string,
): VmItem[] {
  const wanted = search.trim().toLowerCase();
  return vms
    .filter((vm) => functionId === undefined || vm.function_id === functionId)
    .filter((vm) => state === undefined || vm.state === state)
    .filter((vm) =>
      [vm.name, vm.id, nameOf(vm.function_id), addressOf(vm) ?? ""].some((text) =>
        text.toLowerCase().includes(wanted),
      ),
    )
    .toSorted((a, b) => startOf(b) - startOf(a));
}

/** What starts now is newer than all that has started. */
function startOf({ started_at: at }: VmItem): number {
  return at === null ? Number.MAX_SAFE_INTEGER : Date.parse(at);
}

/** Where its runtime server listens; null while it has no address. */
export function addressOf({
  guest_ip: ip,
  port,
}: Pick<VmItem, "guest_ip" | "port">): string | null {
  return ip === null ? null : `${ip}:${port}`;
}
