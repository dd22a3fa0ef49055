import { messageOf } from "../../core/errors.ts";
import type { VmProbe } from "../../ports/vm-driver.ts";
import { findCgroups } from "../shared/cgroup-host.ts";
import { proveUserSeparation, type UserSeparation } from "../shared/vm-user.ts";

/** What the driver for plain processes finds on this host. */
export interface ProcessHost {
  readonly probe: VmProbe;
  readonly users: UserSeparation;
}

/** Proves that children can be started in the way that this driver starts them. Never rejects. */
export async function probeProcesses(): Promise<ProcessHost> {
  try {
    const users = await proveUserSeparation();
    const notes = ["Functions run as plain processes of this host, with no isolation"];
    if (!users.separate) notes.push(`Functions share the manager's user: ${users.why}`);
    notes.push(...(await findCgroups()).notes);
    const probe = {
      usable: true,
      version: `Node.js ${process.versions.node}`,
      accelerator: "none",
      isolation: "none",
      notes,
    } as const;
    return { probe, users };
  } catch (error) {
    const reason = messageOf(error);
    return {
      probe: { usable: false, reason, remedy: "Install util-linux: apt-get install util-linux" },
      users: { separate: false, why: reason },
    };
  }
}
