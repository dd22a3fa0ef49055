import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { after, afterEach, before, describe, it } from "node:test";

import { lineAgentClient } from "../../src/agent/line-agent.ts";
import type { GuestAgent } from "../../src/ports/guest-agent.ts";
import type { AgentLine } from "../../src/ports/vm-driver.ts";
import {
  type SessionOptions,
  shellPassword,
  TerminalSession,
} from "../support/terminal-session.ts";
import { waitUntil } from "../support/wait-until.ts";

/** An agent that was started for a test. */
export interface StartedAgent {
  readonly line: AgentLine;
  stop(): Promise<void>;
}

/** What is needed to hold an agent to docs/agent-protocol.md. */
export interface GuestAgentSubject {
  readonly label: string;
  readonly start: () => Promise<StartedAgent>;
  /** By how much more than on a host everything takes. */
  readonly slowFactor: number;
}

const interrupt = "\u0003";
const endOfInput = "\u0004";
const windowBytes = 65_536;

/** What every agent must do for its client, wherever it runs. */
export function guestAgentSuite({ label, start, slowFactor }: GuestAgentSubject): void {
  describe(`terminals: ${label}`, () => {
    let started: StartedAgent | undefined;
    let agent: GuestAgent;
    before(async () => {
      started = await start();
      agent = lineAgentClient.connect(started.line);
    });
    after(async () => {
      await started?.stop();
    });

    // Each test ends its terminals, so that the next finds them free.
    const sessions: TerminalSession[] = [];
    afterEach(async () => {
      await Promise.all(sessions.splice(0).map((session) => session.leave()));
    });

    const open = (options: SessionOptions = {}) => {
      const session = new TerminalSession(agent, { limitMs: 10_000 * slowFactor, ...options });
      sessions.push(session);
      return session;
    };
    const measure = () => agent.measure(AbortSignal.timeout(10_000 * slowFactor));

    it("have a shell for whoever is welcome, which ends with its status", async () => {
      const session = open();
      assert.equal(await session.run("echo $((6 * 7))"), "42\n");
      assert.equal(await session.run("tty >/dev/null && echo $TERM"), "xterm-256color\n");
      await session.type("exit 7\n");
      assert.equal(await session.end(), 7);
    });

    it("ask for name and password otherwise, and let in who knows them", async () => {
      const session = open({ welcome: false });
      await session.until(" login: ");
      await session.type("root\n");
      await session.until("Password: ");
      await session.type("wrong\n");
      await session.until("Login incorrect");
      await session.until(" login: ");
      await session.type("root\n");
      await session.until("Password: ");
      await session.type(`${shellPassword}\n`);
      assert.equal(await session.run("echo in"), "in\n");
      assert.ok(!session.printed.includes(shellPassword), "it is not shown");
    });

    it("hang up on whoever is wrong three times", async () => {
      const session = open({ welcome: false });
      const wrong = [
        ["root", `${shellPassword}x`],
        ["function", shellPassword],
        ["root", "x".repeat(300)],
      ] as const;
      for (const [name, password] of wrong) {
        await session.until(" login: ");
        await session.type(`${name}\n`);
        await session.until("Password: ");
        await session.type(`${password}\n`);
        await session.until("Login incorrect");
      }
      assert.equal(await session.end(), 1);
    });

    it("let nobody in without a password, whatever is typed", async () => {
      const session = open({ welcome: false, password: "" });
      await session.until(" login: ");
      await session.type("root\n");
      await session.until("Password: ");
      await session.type("\n");
      await session.until("Login incorrect");
    });

    it("end at Ctrl-C and Ctrl-D before anybody is let in", async () => {
      const [one, other] = [open({ welcome: false }), open({ welcome: false })];
      await Promise.all([one.until(" login: "), other.until(" login: ")]);
      await one.type(interrupt);
      assert.equal(await one.end(), 130);
      await other.type(endOfInput);
      assert.equal(await other.end(), 1);
    });

    it("interrupt a loop of the shell and a program by Ctrl-C", async () => {
      const session = open();
      for (const command of ["while :; do :; done", "sleep 1000"]) {
        await session.type(`echo st''arted; ${command}\n`);
        await session.until("started");
        await session.type(interrupt);
        assert.equal(await session.run("echo here"), "here\n");
      }
    });

    it("have the size that they were opened with, and the one they are given", async () => {
      const session = open({ columns: 123, rows: 45 });
      assert.equal(await session.run("stty size"), "45 123\n");
      session.terminal.resize({ columns: 222, rows: 55 });
      assert.equal(await session.run("stty size"), "55 222\n");
      // A program of its own: where a shell has jobs, signals of its terminal go to these.
      await session.type(
        `sh -c "trap 'echo re''sized' WINCH; echo wa''iting; while :; do sleep 0.1; done"\n`,
      );
      await session.until("waiting");
      session.terminal.resize({ columns: 80, rows: 24 });
      await session.until("resized");
    });

    it("pass on all bytes as they are, many more than fit in, both ways", async () => {
      const session = open();
      const bytes = randomBytes(300_000);
      await session.type(
        `stty raw -echo; printf '<%s>' raw; head -c ${bytes.length}; stty sane; printf '<%s>' sane\n`,
      );
      await session.until("<raw>");
      const written = session.type(bytes);
      await waitUntil(
        "they come back",
        () => session.rest.length >= bytes.length + "<sane>".length,
        30_000 * slowFactor,
      );
      await written;
      const back = session.rest.subarray(0, bytes.length);
      assert.ok(back.equals(bytes));
      assert.equal(await session.run("echo fine"), "fine\n");
    });

    it("print all of what was printed before the end, also to somebody slow", async () => {
      const [session, other] = [open(), open()];
      const pid = Number(await session.run("echo $$"));
      const { promise, resolve } = Promise.withResolvers<void>();
      session.taking = promise;
      await session.type("exec sh -c \"head -c 67000 /dev/zero | tr '\\0' x; exit 3\"\n");
      // More than is on its way: the terminal has the rest, and nobody at it any more.
      await other.run(`while [ -e /proc/${pid}/exe ]; do sleep 0.1; done`);
      session.taking = Promise.resolve();
      resolve();
      assert.equal(await session.end(), 3);
      assert.equal(session.rest.toString().match(/xx+/)?.[0].length, 67_000);
    });

    it("end with their shell, even where something runs on in them", async () => {
      const [session, other] = [open(), open()];
      const file = `/tmp/firelet-agent-${randomUUID()}`;
      await session.type(`(while ! [ -e ${file} ]; do sleep 0.1; done; rm ${file}) & exit 4\n`);
      assert.equal(await session.end(), 4);
      // Only now may it end.
      assert.equal(await other.run(`touch ${file}; while [ -e ${file} ]; do sleep 0.1; done`), "");
    });

    it("send SIGHUP when they are hung up, and end who does not care two seconds later", async () => {
      const [caring, other, careless] = [open(), open(), open()];
      const file = `/tmp/firelet-agent-${randomUUID()}`;
      await caring.type(trapping(`echo hung up >${file}; exit 9`));
      await careless.type(trapping(""));
      await Promise.all([caring.until("ready"), careless.until("ready")]);
      caring.terminal.close();
      assert.equal(await caring.end(), 9);
      assert.equal(await other.run(`cat ${file}; rm ${file}`), "hung up\n");
      careless.terminal.close();
      assert.equal(await careless.end(), 137);
    });

    it("hang up while others are at their login", async () => {
      const one = open();
      await one.run("true");
      const login = open({ welcome: false });
      await login.until(" login: ");
      // It hears of it by the end of its input alone.
      await one.type(`exec sh -c "trap '' HUP; echo re''ady; cat; exit 5"\n`);
      await one.until("ready");
      one.terminal.close();
      assert.equal(await one.end(), 5);
    });

    it("are eight, and a ninth is refused until one has ended", async () => {
      const eight = Array.from({ length: 8 }, () => open());
      await Promise.all(eight.map((session) => session.run("true")));
      assert.throws(() => open(), { code: "too_many_shells" });
      const [first] = eight;
      assert.ok(first);
      await first.leave();
      const ninth = open();
      assert.equal(await ninth.run("echo ninth"), "ninth\n");
    });

    it("do not wait for one whose output nobody takes, nor do figures", async () => {
      const [stalled, other] = [open(), open()];
      const { promise, resolve } = Promise.withResolvers<void>();
      await stalled.run("true");
      stalled.taking = promise;
      const printedBefore = stalled.printed.length;
      await stalled.type("yes\n");
      await waitUntil("it prints", () => stalled.printed.length > printedBefore);
      for (let round = 0; round < 20; round += 1) {
        assert.equal(await other.run("echo here"), "here\n");
        await measure();
      }
      assert.ok(stalled.printed.length - printedBefore <= windowBytes);
      stalled.taking = Promise.resolve();
      resolve();
      await waitUntil("it goes on", () => stalled.printed.length - printedBefore > 2 * windowBytes);
      await stalled.type(interrupt);
      assert.equal(await stalled.run("echo here"), "here\n");
    });

    it("do not wait for one that reads nothing", async () => {
      const [deaf, other] = [open(), open()];
      await deaf.type("stty raw -echo; echo re''ady; sleep 1000\n");
      await deaf.until("ready");
      const written = deaf.type(Buffer.alloc(300_000, "x"));
      let isWritten = false;
      void written.then(() => (isWritten = true));
      assert.equal(await other.run("echo here"), "here\n");
      await measure();
      assert.equal(isWritten, false);
      await deaf.leave();
      await written;
    });
  });
}

/** Runs for ever in the place of the shell, so that nobody else decides how it ends at SIGHUP. */
function trapping(atHangUp: string): string {
  return `exec sh -c "trap '${atHangUp}' HUP; echo re''ady; while :; do sleep 0.1; done"\n`;
}
