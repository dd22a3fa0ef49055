import type { Duplex } from "node:stream";

import { messageOf, PlatformError } from "../../core/errors.ts";
import type { AgentLine } from "../../ports/vm-driver.ts";

/** The line to the agent in a VM's guest, over the socket that its VMM has the other end of. */
export function agentLine(vmId: string, channel: Duplex): AgentLine {
  return {
    send: (bytes) =>
      new Promise((resolve, reject) => {
        channel.write(bytes, (error) => {
          if (!error) return resolve();
          const message = `Cannot reach the agent of VM ${vmId}: ${messageOf(error)}`;
          reject(new PlatformError("vm_lost", message, { cause: error }));
        });
      }),
    receive: (take) => void channel.on("data", take),
    close: () => void channel.removeAllListeners("data").pause(),
  };
}
