import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";

import { isOpenToAll, proveUserSeparation, type VmUser, vmUser } from "./vm-user.ts";

export const kvmDevice = "/dev/kvm";

/** Whom VMs run as. */
export type VmUsers =
  | { readonly separate: false; readonly why: string }
  /** The group that may use KVM; null where each user's own has to do. */
  | { readonly separate: true; readonly gid: number | null };

/** Whom VMs can run as whose VMM is the program at `path`. */
export async function findUsers(path: string): Promise<VmUsers> {
  const users = await proveUserSeparation();
  if (!users.separate) return users;
  if (!(await isOpenToAll(path))) {
    return { separate: false, why: `other users cannot run "${path}"` };
  }
  const gid = existsSync(kvmDevice) ? (await stat(kvmDevice)).gid : 0;
  // Root's group would give a VM more than KVM.
  return { separate: true, gid: gid === 0 ? null : gid };
}

/** The user of the VM at the address `slot`; null is the manager's own. */
export function userOf(users: VmUsers, slot: number): VmUser | null {
  if (!users.separate) return null;
  const user = vmUser(slot);
  return users.gid === null ? user : { ...user, gid: users.gid };
}
