import { constants } from "node:fs";
import { chmod, open } from "node:fs/promises";

/** Linux's O_PATH, which Node does not name: a descriptor for what a path leads to, whatever it is. */
const openPath = 0o10000000;

/**
 * Lets nobody but its owner connect to a VM's control socket. The folder is the VM's own, so a
 * link put in the socket's place must not lead the manager elsewhere.
 */
export async function restrictSocket(path: string): Promise<void> {
  const file = await open(path, openPath | constants.O_NOFOLLOW);
  try {
    if ((await file.stat()).isSocket()) await chmod(`/proc/self/fd/${file.fd}`, 0o600);
  } finally {
    await file.close();
  }
}
