import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { PassThrough } from "node:stream";
import { after, before, describe, it } from "node:test";
import { WebSocket } from "ws";
import { parseGuestUse } from "../../src/agent/guest-figures.ts";
import type { VmFiguresItem, VmItem } from "../../src/api/vms.ts";
import { cli } from "../e2e/cli-harness.ts";
import { assertNear, knownLoadCode, printOwnFigures } from "../support/known-load.ts";
import { TestManager } from "../support/manager.ts";
import { editInVi, TerminalSession } from "../support/terminal-session.ts";
import { describeOnQemu } from "../support/vm-images.ts";
import { waitUntil } from "../support/wait-until.ts";
import { webTerminals } from "../support/web-terminals.ts";

await describeOnQemu((images) => {
  describe("a look into a microVM, from outside of the manager", () => {
    let manager: TestManager;
    let vm: VmItem;
    before(async () => {
      manager = await TestManager.start({ driver: "qemu", images });
      await manager.deploy({ name: "seen", runtime: "node", code: knownLoadCode, min_vms: 1 });
      [vm] = (await manager.client.listVms()) as [VmItem];
    });
    after(() => manager.stop());

    const socketUrl = (path: string) =>
      `${manager.url.replace("http", "ws")}/v1/vms/${vm.id}/${path}`;

    /** Somebody who keeps all frames of the VM's figures. */
    const watch = () => {
      const socket = new WebSocket(socketUrl("metrics/ws"));
      const frames: VmFiguresItem[] = [];
      socket.on("message", (data: Buffer) =>
        frames.push(JSON.parse(data.toString()) as VmFiguresItem),
      );
      const closed = new Promise<number>((resolve) => socket.on("close", resolve));
      return { socket, frames, closed };
    };

    /** A shell that lets in without asking. */
    const openShell = async (size = {}) => {
      const { username, password } = await manager.client.getVmShell(vm.id);
      const url = socketUrl("shell/ws").replace("://", `://${username}:${password}@`);
      return new TerminalSession(webTerminals(url), { limitMs: 60_000, ...size });
    };

    it("shows figures that are within a tenth of what the guest's /proc says under load", async () => {
      const session = await openShell();
      const { frames, socket } = watch();
      /** What the guest's own files say, and the frames before. */
      const own = async () => {
        const text = await session.run(printOwnFigures);
        return { ...parseGuestUse(text), count: frames.length };
      };
      const busy = manager.client.invokeFunction("seen", { busyMs: 8_000, holdMib: 40 });
      const { length } = frames;
      await waitUntil("it has begun", () => frames.length > length + 1);
      const begin = await own();
      await waitUntil("four seconds pass", () => frames.length >= begin.count + 4, 20_000);
      const end = await own();
      assert.equal((await busy).status, "success");
      const share =
        (100 * (end.cpu.busyMs - begin.cpu.busyMs)) / (end.cpu.totalMs - begin.cpu.totalMs);
      const seen = frames.slice(begin.count, end.count);
      const mean = seen.reduce((sum, { guest }) => sum + (guest?.cpu_usage_percent ?? 0), 0);
      assertNear(mean / seen.length, share);
      assert.ok(share > 80, `${share} % of the processor are busy`);

      await waitUntil("another comes", () => frames.length > end.count + 1);
      const { guest, vmm } = frames.at(-1) ?? assert.fail("there are frames");
      const now = await own();
      assertNear(guest?.memory_used_bytes, now.memory.usedBytes);
      assertNear(guest?.memory_peak_bytes, now.memory.peakBytes);
      assert.ok((guest?.memory_used_bytes ?? 0) > 40 * 2 ** 20, "it holds 40 MiB");
      assertNear(guest?.disk_read_bytes, now.disk.readBytes);
      assert.ok(vmm.memory_bytes > 40 * 2 ** 20, "and so does its VMM");
      socket.terminate();
      await session.leave();
    });

    it("gives twenty viewers every frame, but one that does not read, and drops that", async () => {
      const viewers = Array.from({ length: 20 }, watch);
      const [stalled, ...others] = viewers;
      assert.ok(stalled);
      await waitUntil("all see it", () => viewers.every(({ frames }) => frames.length > 0));
      const rss = await rssOf(manager.pid);
      stalled.socket.pause();
      await waitUntil("25 s pass", () => others.every(({ frames }) => frames.length > 25), 60_000);
      const growth = (await rssOf(manager.pid)) - rss;
      assert.ok(growth < 24 * 2 ** 20, `the manager has grown by ${growth} bytes`);
      // Each from the first that all had, and each once.
      const first = Math.max(...others.map(({ frames }) => Date.parse(frames[0]?.timestamp ?? "")));
      const [told, ...rest] = others.map(({ frames }) =>
        frames.filter(({ timestamp }) => Date.parse(timestamp) >= first).slice(0, 25),
      );
      for (const frames of rest) assert.deepEqual(frames, told);
      const times = (told ?? []).map(({ timestamp }) => Date.parse(timestamp));
      assert.equal(times.length, 25);
      assert.deepEqual(
        times.toSorted((a, b) => a - b),
        times,
      );
      // A second apart, but for a host that stands still for a while.
      const passedMs = (times.at(-1) ?? 0) - (times[0] ?? 0);
      assert.ok(passedMs > 23_000, `24 frames in ${passedMs} ms`);
      stalled.socket.resume();
      assert.equal(await stalled.closed, 1006, "it was not waited for");
      for (const { socket } of others) socket.terminate();
    });

    it("is a terminal: its size, an editor for the whole screen, Ctrl-C and all bytes", async () => {
      const session = await openShell({ columns: 100, rows: 30 });
      assert.equal(await session.run("stty size"), "30 100\n");
      session.terminal.resize({ columns: 120, rows: 40 });
      assert.equal(await session.run("stty size"), "40 120\n");

      await editInVi(session, "from the browser", async () => {
        // Its last line is the screen's last.
        session.terminal.resize({ columns: 90, rows: 20 });
        await session.until("\u001b[20;1H");
      });

      await session.type("echo st''arted; while :; do :; done\n");
      await session.until("started");
      await session.type("\u0003");
      assert.equal(await session.run("echo here"), "here\n");

      const bytes = Buffer.from(Array.from({ length: 65_536 }, (_, index) => index % 256));
      await session.type(
        `stty raw -echo; echo re''ady; head -c ${bytes.length} >bytes; stty sane; echo ta''ken\n`,
      );
      await session.until("ready\n");
      await session.type(bytes);
      await session.until("taken");
      await session.type(
        "stty raw; printf '<%s>' begin; cat bytes; printf '<%s>' end; stty sane\n",
      );
      await session.until("<begin>");
      assert.ok(bytes.equals(Buffer.from(await session.until("<end>"), "latin1")));
      await session.type("exit 3\n");
      assert.equal(await session.end(), 3);
    });

    it("has both on the command line", async () => {
      const env = { FIRELET_URL: manager.url };
      const stdin = new PassThrough();
      stdin.end("rc-service runtime-server status\nexit 5\n");
      const shell = await cli(["vms", "shell", vm.name], { env, stdin });
      assert.match(shell.stdout, / \* status: started\r\n/);
      assert.deepEqual([shell.code, shell.stderr], [1, "The shell ended with status 5\n"]);
      const metrics = await cli(["vms", "metrics", vm.name, "--count", "2"], { env });
      assert.match(metrics.stdout, /VMM MEMORY\n(.+ % .+ MiB .+\n){2}$/);
    });

    it("ends with the VM, and says that", async () => {
      const session = await openShell();
      assert.equal(await session.run("echo in"), "in\n");
      const viewer = watch();
      await waitUntil("it is seen", () => viewer.frames.length > 0);
      await manager.client.deleteVm(vm.id);
      assert.equal(await session.end(), null);
      assert.equal(await viewer.closed, 1001);
    });
  });
});

async function rssOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
