import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import * as fc from "fast-check";

import { encodeFrame, frameKinds as kinds, FrameReader } from "../../src/agent/frames.ts";
import { parseGuestUse } from "../../src/agent/guest-figures.ts";
import { lineAgentClient } from "../../src/agent/line-agent.ts";
import { agentLine } from "../../src/drivers/shared/agent-line.ts";
import { type Child, startChild } from "../../src/os/child-process.ts";
import { runCommand } from "../../src/os/run-command.ts";
import { u32 } from "../support/fake-line.ts";
import { isRunning } from "../support/is-running.ts";
import { temporaryFolder } from "../support/package-sources.ts";
import { TerminalSession } from "../support/terminal-session.ts";
import { skipWithout } from "../support/test-tools.ts";
import { passTime, waitUntil } from "../support/wait-until.ts";
import { guestAgentSuite } from "./guest-agent.ts";

const source = join(import.meta.dirname, "../../guest/init/agent.c");

/** What runs in a terminal here, whatever this host's shell makes of its profile. */
const shellScript = `#!/bin/sh
export PS1='$ '
exec /bin/sh -i
`;

describe("the guest's agent, on this host", { skip: skipWithout("cc") }, async () => {
  const folder = await temporaryFolder();
  after(() => folder[Symbol.asyncDispose]());
  const program = join(folder.path, "agent");
  const shell = join(folder.path, "shell");
  const pidFile = join(folder.path, "pid");
  await writeFile(shell, shellScript, { mode: 0o755 });
  await writeFile(pidFile, `${process.pid}\n`);
  const places = [`-DSHELL="${shell}"`, `-DHOME="${folder.path}"`, `-DSERVER_PID="${pidFile}"`];
  const flags = ["-O1", "-Wall", "-Wextra", "-Werror", ...places, "-o", program];
  await runCommand(["cc", ...flags, source, "-lutil"]);

  const running: Child[] = [];
  after(() => Promise.all(running.map((child) => child.stop(1_000))));
  const start = async () => {
    // As init starts it: its line is its standard input, and what runs in the background cannot be
    // interrupted.
    const words = `trap '' INT QUIT; exec "$0" 0<&3 3<&-`;
    const argv = ["/bin/sh", "-c", words, program] as const;
    const child = await startChild(argv, { cwd: "/", env: {}, channel: true });
    running.push(child);
    const { channel } = child;
    assert.ok(channel);
    const complaints: string[] = [];
    child.stderr.on("data", (bytes: Buffer) => complaints.push(bytes.toString()));
    const stop = async () => void (await child.stop(1_000));
    return { child, channel, complaints, line: agentLine("x", channel), stop };
  };

  guestAgentSuite({ label: "on this host", start, slowFactor: 1 });

  /** An agent, and a host that sends it whatever it likes. */
  const startRaw = async () => {
    const agent = await start();
    const reader = new FrameReader();
    const heard: { kind: number; terminal: number; payload: Buffer }[] = [];
    agent.line.receive((bytes) => void heard.push(...reader.read(bytes)));
    const send = (kind: number, terminal: number, payload: Uint8Array = Buffer.alloc(0)) =>
      agent.line.send(encodeFrame(kind, terminal, payload));
    /** Asks for figures, and returns all that was heard before them, from the beginning. */
    const hear = async () => {
      const had = heard.length;
      await send(kinds.measure, 0);
      const place = () => heard.findIndex(({ kind }, i) => i >= had && kind === kinds.figures);
      await waitUntil("it answers", () => place() >= 0);
      return heard.slice(0, place());
    };
    return { ...agent, send, hear };
  };

  describe("figures", () => {
    it("are what this host's own /proc says", async () => {
      const { line, stop } = await start();
      const agent = lineAgentClient.connect(line);
      const measure = async () =>
        [
          parseGuestUse(ownFigures()),
          await agent.measure(AbortSignal.timeout(10_000)),
          parseGuestUse(ownFigures()),
        ] as const;
      let three = await measure();
      // Other tests make and remove interfaces, which take their counts with them.
      for (let had = ""; had !== interfaces();) {
        had = interfaces();
        three = await measure();
      }
      const [earlier, use, later] = three;
      assertOrdered(
        "busy",
        three.map(({ cpu }) => cpu.busyMs),
      );
      assertOrdered(
        "total",
        three.map(({ cpu }) => cpu.totalMs),
      );
      assertOrdered(
        "received",
        three.map(({ network }) => network.receivedBytes),
      );
      assertOrdered(
        "sent",
        three.map(({ network }) => network.sentBytes),
      );
      assertOrdered(
        "read",
        three.map(({ disk }) => disk.readBytes),
      );
      assert.ok(use.cpu.busyMs > 0 && use.cpu.totalMs > use.cpu.busyMs);
      // Linux counts what is resident roughly while it changes.
      const { peakBytes } = use.memory;
      assert.ok(Math.abs(peakBytes - later.memory.peakBytes) < 0.1 * peakBytes, `${peakBytes}`);
      assert.equal(use.memory.totalBytes, earlier.memory.totalBytes);
      await stop();
    });
  });

  it("sleeps while nothing happens, also where terminals wait for somebody", async () => {
    const { child, line, stop } = await start();
    const agent = lineAgentClient.connect(line);
    const sessions = [0, 1, 2].map(() => new TerminalSession(agent));
    const [printing, ended] = sessions;
    assert.ok(printing && ended);
    await Promise.all(sessions.map((session) => session.run("true")));
    const pid = Number(await ended.run("echo $$"));
    // Nobody takes what these print: one goes on, one has ended with more to say.
    printing.taking = ended.taking = new Promise(() => undefined);
    await printing.type("yes\n");
    await ended.type("exec head -c 67000 /dev/zero\n");
    await waitUntil("the one ends", () => !isRunning(pid));
    // So that the other has printed all that is taken of it.
    await passTime(200);
    const before = processorTicks(child.pid);
    await passTime(1_000);
    assert.ok(processorTicks(child.pid) - before <= 1, "a tick is 10 ms");
    await stop();
  });

  describe("a host that errs", () => {
    it("is answered although it said what makes no sense", async () => {
      const { send, hear, complaints } = await startRaw();
      await send(99, 1, Buffer.from("what is that"));
      await send(kinds.figures, 0);
      await send(kinds.input, 1, Buffer.from("to no terminal"));
      await send(kinds.input, 65_535);
      await send(kinds.credit, 1, u32(1));
      await send(kinds.resize, 1, u32(1));
      await send(kinds.close, 1);
      await send(kinds.close, 0);
      assert.deepEqual(await hear(), []);
      // Those that it wanted opened have ended, as far as it can know.
      await send(kinds.open, 9, opening(1));
      await send(kinds.open, 0, opening(1));
      await send(kinds.open, 1, Buffer.from("too short"));
      const ended = (await hear()).filter(({ kind }) => kind === kinds.ended);
      assert.deepEqual(
        ended.map(({ terminal, payload }) => [terminal, payload.readInt32LE(0)]),
        [9, 0, 1].map((terminal) => [terminal, 126]),
      );
      assert.deepEqual(complaints, []);
    });

    it("gets no more output than a window, whatever credit it gives", async () => {
      const { send, hear } = await startRaw();
      const printed = async () =>
        (await hear())
          .filter(({ kind }) => kind === kinds.output)
          .reduce((sum, { payload }) => sum + payload.length, 0);
      await send(kinds.open, 1, opening(1));
      for (let i = 0; i < 3; i += 1) await send(kinds.credit, 1, u32(0x7f_ff_ff_ff));
      await send(kinds.input, 1, Buffer.from("yes\n"));
      await waitUntil("it prints a window", async () => (await printed()) >= 65_536);
      // What it printed before the credit came was given back rightly: a prompt, and what was typed.
      for (let i = 0; i < 20; i += 1) assert.ok((await printed()) < 65_536 + 100);
      await send(kinds.close, 1);
    });

    it("may send the same opening twice, and more input than fits", async () => {
      const { send, hear } = await startRaw();
      // At a login prompt, where nothing runs that could do what is typed.
      await send(kinds.open, 1, opening(0));
      await send(kinds.open, 1, opening(0));
      for (let i = 0; i < 20; i += 1) await send(kinds.input, 1, Buffer.alloc(16_384, "x"));
      await send(kinds.input, 1);
      await send(kinds.resize, 1, Buffer.from("more than a size"));
      await hear();
      await send(kinds.close, 1);
      const ends = async () => (await hear()).filter(({ kind }) => kind === kinds.ended);
      await waitUntil("it ends", async () => (await ends()).length > 0);
      assert.equal((await ends()).length, 1);
    });

    it("is listened to again when it was quiet for a second after what was no frame", async () => {
      const { line, send, hear, complaints } = await startRaw();
      await send(kinds.open, 1, opening(0));
      await waitUntil("it prompts", async () =>
        (await hear()).some(({ kind }) => kind === kinds.output),
      );
      const before = (await hear()).length;
      await line.send(Buffer.alloc(50_000, 0xff));
      await waitUntil("it complains", () => complaints.length > 0);
      assert.match(complaints.join(), /^agent: Cannot take a frame of 4294967295 bytes\n$/);
      await send(kinds.measure, 0);
      await passTime(1_500);
      // Its terminal is gone without a word: whoever opens one now is another.
      await send(kinds.open, 1, Buffer.from("too short"));
      const heard = (await hear()).slice(before).filter(({ kind }) => kind !== kinds.figures);
      assert.deepEqual(
        heard.map(({ kind, terminal }) => [kind, terminal]),
        [[kinds.ended, 1]],
      );
    });

    it("is no end of the agent when it goes, but one of its terminals", async () => {
      const { child, channel, line } = await start();
      const session = new TerminalSession(lineAgentClient.connect(line));
      const pid = Number(await session.run("echo $$"));
      assert.ok(isRunning(pid));
      channel.destroy();
      await waitUntil("the shell ends", () => !isRunning(pid));
      assert.ok(isRunning(child.pid));
    });

    it("may send any frames, and is answered", async () => {
      const { send, hear, complaints } = await startRaw();
      const payload = fc
        .uint8Array({ maxLength: 200 })
        // An opening would start a shell, and what follows would be typed into it.
        .filter(({ length }) => length !== opening(0).length);
      const frame = fc.tuple(
        fc.integer({ min: 0, max: 12 }),
        fc.integer({ min: 0, max: 10 }),
        payload,
      );
      await fc.assert(
        fc.asyncProperty(fc.array(frame), async (frames) => {
          for (const [kind, terminal, bytes] of frames) await send(kind, terminal, bytes);
          await hear();
        }),
        { numRuns: 30 },
      );
      assert.deepEqual(complaints, []);
    });
  });
});

/** What the agent would send, read here. */
/** As the agent tells them: whole lines of the first 3,000 bytes of each file. */
function ownFigures(): string {
  const paths = ["/proc/stat", "/proc/meminfo", "/proc/diskstats", "/proc/net/dev"];
  return [...paths, `/proc/${process.pid}/status`]
    .map((path) => `== ${path}\n${readFileSync(path, "utf8")}`.slice(0, 3_000))
    .map((text) => text.slice(0, text.lastIndexOf("\n") + 1))
    .join("");
}

function interfaces(): string {
  return readdirSync("/sys/class/net").join(" ");
}

/** In its own code and in the kernel's. */
function processorTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

function assertOrdered(what: string, values: readonly number[]): void {
  assert.deepEqual(
    values,
    values.toSorted((a, b) => a - b),
    what,
  );
}

function opening(welcome: number): Buffer {
  return Buffer.concat([Buffer.from([80, 0, 24, 0]), u32(welcome), Buffer.alloc(64, "p")]);
}
