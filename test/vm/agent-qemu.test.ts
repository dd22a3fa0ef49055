import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, before, describe, it } from "node:test";

import { parseGuestUse } from "../../src/agent/guest-figures.ts";
import { lineAgentClient } from "../../src/agent/line-agent.ts";
import { QemuDriver } from "../../src/drivers/qemu/driver.ts";
import type { GuestAgent, GuestUse } from "../../src/ports/guest-agent.ts";
import { guestAgentSuite } from "../contract/guest-agent.ts";
import { newDataDir, specOf } from "../contract/vm-driver.ts";
import { assertNear, knownLoadCode, printOwnFigures } from "../support/known-load.ts";
import { userNetwork } from "../support/networks.ts";
import { RuntimeGuest } from "../support/runtime-guest.ts";
import { editInVi, TerminalSession } from "../support/terminal-session.ts";
import { vmImages } from "../support/vm-images.ts";
import { passTime } from "../support/wait-until.ts";

const { images, skip } = await vmImages("node");

describe("the agent in a real microVM", { skip }, async () => {
  if (images === null) return;
  const node = images["node"];
  assert.ok(node);
  const dataDir = await newDataDir();
  after(() => rm(dataDir, { recursive: true }));
  const driver = new QemuDriver({ dataDir, network: userNetwork() });
  const start = async () => {
    const { id, address } = await driver.boot(specOf(node), AbortSignal.timeout(120_000));
    const line = driver.agentLine(id) ?? assert.fail("It has no agent");
    const stop = () => driver.destroy(id);
    return { id, address, line, stop };
  };

  guestAgentSuite({ label: "in a microVM", start, slowFactor: 6 });

  describe("the machine behind a terminal", () => {
    let agent: GuestAgent;
    let guest: RuntimeGuest;
    before(async () => {
      const { id, address, line, stop } = await start();
      const readConsole = () => driver.readConsole(id);
      guest = new RuntimeGuest({ address, stop, readConsole }, 8);
      await guest.adopt();
      await guest.deploy({ code: knownLoadCode });
      agent = lineAgentClient.connect(line);
    });
    after(() => guest.stop());
    const open = () => new TerminalSession(agent, { limitMs: 60_000 });
    const measure = () => agent.measure(AbortSignal.timeout(20_000));

    it("greets, and has the commands of the specification's troubleshooting", async () => {
      const session = open();
      await session.until("This VM runs one function");
      assert.equal(await session.run("id -un; pwd; tty"), "root\n/root\n/dev/pts/0\n");
      assert.equal(await session.run("echo $LANG; ls -d /"), "C.UTF-8\n\u001b[1;34m/\u001b[m\n");
      const service = await session.run("rc-service runtime-server status");
      assert.equal(service, " * status: started\n");
      const log = await session.run("cat /var/log/runtime-server.log");
      assert.match(log, /^runtime-server: listening on 0\.0\.0\.0:3000\n/);
      await session.leave();
    });

    it("has an editor for the whole screen", async () => {
      const session = open();
      await editInVi(session, "from the terminal");
      await session.leave();
    });

    it("tells what it uses to a tenth, under a load that is known", async () => {
      const session = open();
      /** What the guest's own files say, read at its terminal. */
      const own = async (): Promise<GuestUse> => parseGuestUse(await session.run(printOwnFigures));

      const idle = [await own(), await measure()] as const;
      const busy = guest.ask({ busyMs: 4_000 }, { timeoutMs: 60_000 });
      await passTime(500);
      const first = [await own(), await measure()] as const;
      await passTime(2_000);
      const second = [await own(), await measure()] as const;
      await busy;
      const share = (of: 0 | 1) => {
        const [a, b] = [first[of].cpu, second[of].cpu];
        return (b.busyMs - a.busyMs) / (b.totalMs - a.totalMs);
      };
      assert.ok(Math.abs(share(1) - share(0)) < 0.1 * share(0), `${share(1)}, not ${share(0)}`);
      assert.ok(share(1) > 0.8, `${share(1)} of the processors are busy`);

      await guest.ask({ holdMib: 40 }, { timeoutMs: 60_000 });
      const held = [await own(), await measure()] as const;
      assertNear(held[1].memory.usedBytes, held[0].memory.usedBytes);
      assertNear(held[1].memory.peakBytes, held[0].memory.peakBytes);
      assert.equal(held[1].memory.totalBytes, held[0].memory.totalBytes);
      const more = held[1].memory.usedBytes - idle[1].memory.usedBytes;
      assert.ok(more > 36 * 2 ** 20 && more < 60 * 2 ** 20, `${more} bytes more`);
      assertNear(held[1].disk.readBytes, held[0].disk.readBytes);
      assert.ok(held[1].disk.readBytes > 2 ** 20, "the root file system was read");
      assertNear(held[1].network.receivedBytes, held[0].network.receivedBytes);
      assert.ok(held[1].network.receivedBytes > idle[1].network.receivedBytes);
      await session.leave();
    });
  });
});
