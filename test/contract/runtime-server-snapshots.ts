import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";

import { clockBackMessage, wakeMessage } from "../../src/runtime/wake-message.ts";
import { type Reply, RuntimeGuest } from "../support/runtime-guest.ts";
import { startRuntimeProcess } from "../support/runtime-process.ts";
import { WakeableGuest } from "../support/wakeable-guest.ts";
import type { Program, RuntimeCases } from "./runtime-cases.ts";
import { passTime } from "../support/wait-until.ts";

/** Programs that every runtime supplies for its snapshots, and what each must do. */
export const snapshotContracts = {
  ticks:
    "notes the time, in ms since 1970, every 2 ms from loading on, in every way that code can go on between invocations (a timer, a thread); answers a list of times for each",
  hooks:
    "registers two functions for before a snapshot and two for after a restore; the first of each waits 20 ms; each prints `<note> <GREETING>` at its end and notes `before 1`, `before 2`, `after 1`, `after 2`; answers its notes",
  failsBefore: "throws an error of the language, `Broken`, before a snapshot, on line 2",
  failsAfter: "throws an error of the language, `Broken`, after a restore, on line 2",
  neverReady: "waits for ever before a snapshot and after a restore",
  waitsForGate:
    "after a restore waits, without blocking, until there is a file of the name in GATE; answers `open`",
  noFunction: "registers 7 for after a restore, on line 2",
} as const;

/** A case of one runtime alone, on a server of its own. */
export interface SnapshotExtra {
  readonly name: string;
  run(guest: WakeableGuest): Promise<void>;
}

/** What one runtime brings to the suite. */
export interface SnapshotCases {
  readonly programs: Readonly<Record<keyof typeof snapshotContracts, Program>>;
  readonly extras: readonly SnapshotExtra[];
  /** What the language calls an error of no class of its own: `Error`, `Exception`. */
  readonly plainError: string;
}

/** A runtime whose server can be started as a plain process. */
export interface SnapshotSubject {
  readonly label: string;
  readonly argv: readonly [string, ...string[]];
  readonly programs: RuntimeCases["programs"];
  readonly cases: SnapshotCases;
}

type WithGuest = (test: (guest: WakeableGuest) => Promise<void>) => () => Promise<void>;

/** How a runtime server stands still and wakes: everything that needs no VM to be seen. */
export function runtimeSnapshotSuite(subject: SnapshotSubject): void {
  const withGuest: WithGuest = (test) => async () => {
    const guest = await WakeableGuest.start(subject.argv);
    try {
      await test(guest);
    } finally {
      await guest.stop();
    }
  };
  describe(`snapshots of the runtime server: ${subject.label}`, { concurrency: 4 }, () => {
    hookLimitCases(subject, withGuest);
    freezeCases(subject, withGuest);
    wakeCases(subject, withGuest);
    hookCases(subject, withGuest);
    refusals(subject, withGuest);
    for (const extra of subject.cases.extras) {
      it(
        extra.name,
        withGuest((guest) => extra.run(guest)),
      );
    }
  });
}

function freezeCases({ cases, programs }: SnapshotSubject, withGuest: WithGuest): void {
  it(
    "stands still from its reply until it is woken",
    withGuest(async (guest) => {
      await guest.deploy(cases.programs.ticks);
      await passTime(50);
      await guest.freeze();
      const from = Date.now();
      await passTime(300);
      const until = Date.now();
      await guest.wake();
      await guest.control("resumed");
      await passTime(50);
      const ways: readonly (readonly number[])[] = await guest.ask();
      assert.ok(ways.length > 0);
      for (const times of ways) {
        // A time may have been taken just before the reply and noted with it.
        assert.deepEqual(
          times.filter((time) => time > from + 1 && time < until - 1),
          [],
        );
        assert.ok(times.some((time) => time <= from + 1) && times.some((time) => time >= until));
      }
    }),
  );

  it(
    "answers that it is frozen, and that the connection ends",
    withGuest(async (guest) => {
      const { body, headers } = await guest.freeze();
      assert.deepEqual(body, { status: "frozen" });
      assert.equal(headers["connection"]?.toString().toLowerCase(), "close");
    }),
  );

  it(
    "answers only when the clock was set back",
    withGuest(async (guest) => {
      let answered = false;
      const frozen = guest.control("freeze").finally(() => (answered = true));
      await passTime(200);
      assert.equal(answered, false);
      await guest.tell(clockBackMessage());
      assert.equal((await frozen).status, 200);
    }),
  );

  it(
    "reads messages that come in parts",
    withGuest(async (guest) => {
      const frozen = guest.control("freeze");
      await guest.tell(clockBackMessage().subarray(0, 100));
      await passTime(20);
      await guest.tell(clockBackMessage().subarray(100));
      await frozen;
      const token = "p".repeat(43);
      const message = wakeMessage({ now: new Date(), instance: "fn-parts-550e8400", token });
      for (let at = 0; at < message.length; at += 54) {
        await guest.tell(message.subarray(at, at + 54));
        await passTime(10);
      }
      guest.disconnect();
      guest.token = token;
      assert.equal((await guest.control("resumed")).body.instance, "fn-parts-550e8400");
    }),
  );

  it(
    "refuses while an invocation runs",
    withGuest(async (guest) => {
      await guest.deploy(programs.sleep);
      const running = guest.ask({ ms: 400 });
      await guest.untilInFlight(1);
      for (const call of ["quiesce", "freeze"]) assertRefusal(await guest.control(call), 409);
      assert.equal(await running, "slept");
      assert.equal((await guest.control("quiesce")).status, 200);
      assert.equal((await guest.restore()).status, 200);
    }),
  );

  it(
    "refuses while code loads",
    withGuest(async (guest) => {
      const sent = Promise.withResolvers<void>();
      const gone = new AbortController();
      const options = { signal: gone.signal, onSent: sent.resolve };
      const endless = guest.load(programs.loadsForever, options);
      const ended = assert.rejects(endless, { name: "AbortError" });
      await sent.promise;
      assert.equal((await guest.request("GET", "/health")).status, 200);
      assertRefusal(await guest.control("freeze"), 409);
      gone.abort();
      await ended;
    }),
  );
}

function wakeCases({ cases, programs }: SnapshotSubject, withGuest: WithGuest): void {
  it(
    "takes on its name and token, and answers to no other",
    withGuest(async (guest) => {
      await guest.deploy(programs.echo);
      const old = guest.token;
      const before = Date.now();
      const { status, body } = await guest.restore("fn-other-550e8400-7");
      assert.equal(status, 200);
      const { time_ms } = body;
      assert.deepEqual(body, { status: "resumed", instance: "fn-other-550e8400-7", time_ms });
      assert.ok(time_ms >= before - 1 && time_ms <= Date.now() + 1, String(time_ms));
      assert.equal((await guest.adopt()).status, 200);
      assert.equal(await guest.ask("on"), "on");
      guest.token = old;
      for (const call of ["load", "quiesce", "freeze", "resumed"]) {
        assertRefusal(await guest.control(call), 401);
      }
      assert.equal((await guest.adopt()).status, 403);
    }),
  );

  it(
    "is frozen and woken again, with code that was loaded in between",
    withGuest(async (guest) => {
      assert.equal((await guest.restore("fn-template-550e8400")).status, 200);
      const between = guest.token;
      await guest.deploy(programs.counter);
      assert.equal(await guest.ask(), 1);
      assert.equal((await guest.control("quiesce")).status, 200);
      const { body } = await guest.restore("fn-clone-550e8400");
      assert.equal(body.instance, "fn-clone-550e8400");
      assert.equal(await guest.ask(), 2);
      guest.token = between;
      assertRefusal(await guest.control("resumed"), 401);
    }),
  );

  it(
    "keeps its token where the message has none",
    withGuest(async (guest) => {
      await guest.freeze();
      await guest.tell(wakeMessage({ now: new Date(), instance: "fn-named-550e8400", token: "" }));
      assert.equal((await guest.control("resumed")).body.instance, "fn-named-550e8400");
    }),
  );

  it(
    "passes over what set the clock back for a freeze that was refused",
    withGuest(async (guest) => {
      await guest.tell(clockBackMessage());
      await guest.freeze();
      await guest.wake("fn-late-550e8400");
      assert.equal((await guest.control("resumed")).body.instance, "fn-late-550e8400");
    }),
  );

  it(
    "ends the connections that it had",
    withGuest(async (guest) => {
      const { host, port } = guest.server.address;
      const idle = connect({ host, port });
      const used = connect({ host, port });
      used.write("GET /health HTTP/1.1\r\nhost: guest\r\n\r\n");
      await Promise.all([once(idle, "connect"), once(used, "data")]);
      // It has accepted them all once it answers on a newer one.
      guest.disconnect();
      assert.equal((await guest.request("GET", "/health")).status, 200);
      const closed = Promise.all([idle, used].map(untilClosed));
      await guest.freeze();
      await guest.wake();
      await closed;
      assert.equal((await guest.control("resumed")).status, 200);
    }),
  );

  it(
    "invokes nothing before its code is ready for it",
    withGuest(async (guest) => {
      await using gate = await makeGate();
      await guest.deploy({ ...cases.programs.waitsForGate, env: { GATE: gate.path } });
      await guest.freeze();
      await guest.wake();
      let confirmed = false;
      const resumed = guest.control("resumed").finally(() => (confirmed = true));
      const invocation = { request_id: "a", event: {}, timeout_ms: 1000 };
      assertRefusal(await guest.request("POST", "/invoke", invocation), 503);
      assert.equal(confirmed, false);
      await gate.open();
      assert.equal((await resumed).status, 200);
      assert.equal(await guest.ask(), "open");
    }),
  );
}

function hookCases({ cases, programs }: SnapshotSubject, withGuest: WithGuest): void {
  it(
    "runs what was registered, in order, and prints to the console",
    withGuest(async (guest) => {
      const GREETING = crypto.randomUUID();
      await guest.deploy({ ...cases.programs.hooks, env: { GREETING } });
      assert.deepEqual(await guest.ask(), []);
      const quiesced = await guest.control("quiesce");
      assert.deepEqual([quiesced.status, quiesced.body], [200, { status: "quiesced" }]);
      assert.deepEqual(await guest.ask(), ["before 1", "before 2"]);
      assert.equal((await guest.restore()).status, 200);
      const all = ["before 1", "before 2", "after 1", "after 2"];
      const { response, logs } = await guest.invoke();
      assert.deepEqual([response, logs], [all, []]);
      await guest.untilOnConsole(
        all.slice(2).reduce((text, note) => `${text}${note} ${GREETING}\n`, ""),
      );
      await guest.untilOnConsole(`before 1 ${GREETING}\nbefore 2 ${GREETING}\n`);
    }),
  );

  it(
    "runs what the serving revision registered, and no other",
    withGuest(async (guest) => {
      await guest.deploy(cases.programs.failsAfter);
      assert.equal((await guest.load(cases.programs.noFunction)).status, 422);
      await guest.deploy(programs.echo);
      assert.equal((await guest.control("quiesce")).status, 200);
      assert.equal((await guest.restore()).status, 200);
    }),
  );

  it(
    "says what failed before a snapshot, and serves on",
    withGuest(async (guest) => {
      await guest.deploy(cases.programs.failsBefore);
      assertFailure(await guest.control("quiesce"), `${cases.plainError}: Broken`);
      await guest.invoke();
      assert.equal((await guest.restore()).status, 200);
    }),
  );

  it(
    "says what failed after a restore, at every confirmation",
    withGuest(async (guest) => {
      await guest.deploy(cases.programs.failsAfter);
      assert.equal((await guest.control("quiesce")).status, 200);
      assertFailure(await guest.restore(), `${cases.plainError}: Broken`);
      assertFailure(await guest.control("resumed"), `${cases.plainError}: Broken`);
    }),
  );

  it(
    "refuses to register what is no function",
    withGuest(async (guest) => {
      const message = /^TypeError: firelet\.after_?[rR]estore wants a function, found (?:a|an) /;
      assertFailure(await guest.load(cases.programs.noFunction), message);
    }),
  );
}

/** Begun before all others, since they wait as long as the limit is. */
function hookLimitCases({ cases }: SnapshotSubject, withGuest: WithGuest): void {
  it(
    "gives up what takes longer than 10 s before a snapshot",
    withGuest(async (guest) => {
      await guest.deploy(cases.programs.neverReady);
      await assertTooLate(guest.control("quiesce"), "before_?snapshot");
    }),
  );

  it(
    "gives up what takes longer than 10 s after a restore",
    withGuest(async (guest) => {
      await guest.deploy(cases.programs.neverReady);
      await assertTooLate(guest.restore(), "after_?restore");
    }),
  );
}

function refusals({ argv }: SnapshotSubject, withGuest: WithGuest): void {
  it(
    "confirms nothing before it was woken",
    withGuest(async (guest) => {
      assertRefusal(await guest.control("resumed"), 409);
    }),
  );

  it(
    "wants its token",
    withGuest(async (guest) => {
      for (const call of ["quiesce", "freeze", "resumed"]) {
        assertRefusal(await guest.request("POST", `/control/${call}`, {}), 401);
        assertRefusal(await guest.request("GET", `/control/${call}`), 405);
      }
    }),
  );

  it("refuses to freeze where no FIFO can wake it, and goes on", async () => {
    await using gate = await makeGate();
    await writeFile(`${gate.path}-file`, "");
    const without: readonly Record<string, string>[] = [
      {},
      { FIRELET_WAKE: gate.path },
      { FIRELET_WAKE: `${gate.path}-file` },
    ];
    for (const env of without) {
      const guest = new RuntimeGuest(await startRuntimeProcess(argv, { env }), 1);
      try {
        await guest.adopt();
        assertRefusal(await guest.control("freeze"), 409);
        assert.equal((await guest.request("GET", "/health")).status, 200);
      } finally {
        await guest.stop();
      }
    }
  });
}

function assertRefusal({ status, body }: Reply, wanted: number): void {
  assert.equal(status, wanted, JSON.stringify(body));
  assert.deepEqual(Object.keys(body), ["error"]);
  assert.equal(typeof body.error, "string");
}

/** That the code failed as it would while loading; on line 2 where the failure has a place. */
function assertFailure({ status, body }: Reply, wanted: string | RegExp): void {
  assert.equal(status, 422, JSON.stringify(body));
  const { message, line } = body.error;
  assert.deepEqual([body.status, body.logs], ["failed", []]);
  const names = ["message", "type", "file", "line", "column", "stack"];
  assert.deepEqual(Object.keys(body.error).toSorted(), names.toSorted());
  if (typeof wanted === "string") assert.equal(message, wanted);
  else assert.match(message, wanted);
  assert.equal(line, / within /.test(message) ? null : 2);
}

async function assertTooLate(reply: Promise<Reply>, when: string): Promise<void> {
  const began = performance.now();
  assertFailure(await reply, new RegExp(`^firelet\\.${when} did not end within 10 s$`, "i"));
  const seconds = (performance.now() - began) / 1000;
  assert.ok(seconds > 9.9 && seconds < 15, `took ${seconds} s`);
}

async function untilClosed(socket: ReturnType<typeof connect>): Promise<void> {
  socket.on("error", () => undefined);
  socket.resume();
  if (!socket.closed) await once(socket, "close", { signal: AbortSignal.timeout(5_000) });
}

/** A name that no file has before it is opened. */
async function makeGate() {
  const folder = await mkdtemp(join(tmpdir(), "firelet-gate-"));
  const path = join(folder, "gate");
  return {
    path,
    open: () => writeFile(path, ""),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}
