import { it } from "node:test";

import type { SuiteContext } from "./runtime-server.ts";

/** The cases that only one runtime knows. */
export function extraCases(suite: SuiteContext): void {
  for (const extra of suite.cases.extras) {
    const { name, ownServer } = extra;
    it(name, async () => {
      const guest = ownServer ? await suite.startGuest() : suite.guest;
      try {
        if (ownServer) await guest.adopt();
        await extra.run(guest);
      } finally {
        if (ownServer) await guest.stop();
      }
    });
  }
}
