import assert from "node:assert/strict";

import type { WakeableGuest } from "../support/wakeable-guest.ts";
import type { Program } from "./runtime-cases.ts";
import type { SnapshotCases, SnapshotExtra } from "./runtime-server-snapshots.ts";
import { passTime } from "../support/wait-until.ts";

const programs: SnapshotCases["programs"] = {
  ticks: {
    code: `const intervals = [], timeouts = [], turns = [];
    setInterval(() => intervals.push(Date.now()), 2);
    (function again() { timeouts.push(Date.now()); setTimeout(again, 2); })();
    (async () => { for (;;) { await require("timers/promises").setTimeout(2); turns.push(Date.now()); } })();
    exports.handler = () => [intervals, timeouts, turns];`,
  },
  hooks: {
    code: `const notes = [];
    const note = (text) => { notes.push(text); console.log(text, process.env.GREETING); };
    const slowly = (text) => () => new Promise((resolve) => setTimeout(() => { note(text); resolve(); }, 20));
    firelet.afterRestore(slowly("after 1"));
    firelet.beforeSnapshot(slowly("before 1"));
    firelet.beforeSnapshot(() => note("before 2"));
    firelet.afterRestore(() => note("after 2"));
    exports.handler = () => notes;`,
  },
  failsBefore: {
    code: `exports.handler = () => {};\nfirelet.beforeSnapshot(() => { throw new Error("Broken"); });`,
  },
  failsAfter: {
    code: `exports.handler = () => {};\nfirelet.afterRestore(async () => { throw new Error("Broken"); });`,
  },
  neverReady: {
    code: `exports.handler = () => {};
    firelet.beforeSnapshot(() => new Promise(() => {}));
    firelet.afterRestore(() => new Promise(() => {}));`,
  },
  waitsForGate: {
    code: `const { existsSync } = require("fs");
    firelet.afterRestore(async () => {
      while (!existsSync(process.env.GATE)) await new Promise((resolve) => setTimeout(resolve, 5));
    });
    exports.handler = () => "open";`,
  },
  noFunction: { code: `exports.handler = () => {};\nfirelet.afterRestore(7);` },
};

const registers = "afterRestore(() => { state.restored = true; });";
const answers = "() => state.restored";

/** Ways to come by what registers; each handler answers whether it was restored. */
const forms: readonly (Program & { readonly name: string })[] = [
  {
    name: "a script's global",
    code: `const state = {}; firelet.${registers} exports.handler = ${answers};`,
  },
  {
    name: "require",
    code: `const { afterRestore } = require("firelet"); const state = {}; ${registers} exports.handler = ${answers};`,
  },
  {
    name: "a constant of the global's name",
    code: `const firelet = require("firelet"); const state = {}; firelet.${registers} function handler() { return state.restored; }`,
  },
  {
    name: "import by name",
    code: `import { afterRestore } from "firelet"; const state = {}; ${registers} export const handler = ${answers};`,
  },
  {
    name: "import of the default",
    code: `import own from "firelet"; const state = {}; own.${registers} export const handler = ${answers};`,
  },
  {
    name: "import of everything",
    code: `import * as own from "firelet"; const state = {}; own.${registers} export const handler = ${answers};`,
  },
  {
    name: "import() in an ES module",
    code: `const { afterRestore } = await import("firelet"); const state = {}; ${registers} export const handler = ${answers};`,
  },
  {
    name: "import() in a script",
    code: `const state = {}; import("firelet").then(({ afterRestore }) => { ${registers} }); exports.handler = ${answers};`,
  },
  {
    name: "TypeScript",
    code: `import { afterRestore } from "firelet"; const state: { restored?: boolean } = {}; ${registers} export const handler = (): boolean | undefined => state.restored;`,
  },
  {
    name: "TypeScript without import",
    code: `const state: { restored?: boolean } = {}; firelet.${registers} function handler(): boolean | undefined { return state.restored; }`,
  },
];

const formCases = forms.map((form): SnapshotExtra => ({
  name: `registers through ${form.name}`,
  async run(guest) {
    await guest.deploy(form);
    assert.equal((await guest.restore()).status, 200);
    assert.equal(await guest.ask(), true);
  },
}));

/** Answers how often Node asks OpenSSL for random bytes in one call of each. */
const drawCounts = `const crypto = require("crypto");
let draws = 0;
require("async_hooks").createHook({ init(id, type) { if (type === "RANDOMBYTESREQUEST") draws++; } }).enable();
const count = (take) => { draws = 0; take(); return draws; };
exports.handler = (taken) => {
  for (let calls = 0; calls < taken; calls++) { crypto.randomUUID(); crypto.randomInt(9); }
  return [count(() => crypto.randomUUID()), count(() => crypto.randomInt(9))];
};`;

const randomCases: readonly SnapshotExtra[] = [
  {
    name: "draws anew for the first randomUUID and randomInt of a clone, however many came before",
    async run(guest) {
      await guest.deploy({ code: drawCounts });
      for (const taken of [0, 1, 127, 300, 1024]) {
        await guest.ask(taken);
        assert.deepEqual(await guest.ask(0), [0, 0]);
        assert.equal((await guest.restore()).status, 200);
        assert.deepEqual(await guest.ask(0), [1, 1], `after ${taken}`);
      }
    },
  },
  {
    name: "has a Math.random like the original",
    async run(guest) {
      await guest.deploy({
        code: `exports.handler = () => {
          const { value, ...property } = Object.getOwnPropertyDescriptor(Math, "random");
          let refused = 0;
          try { new Math.random(); } catch (error) { refused = error.name; }
          const drawn = Array.from({ length: 100_000 }, Math.random);
          const slots = new Array(16).fill(0);
          for (const number of drawn) slots[Math.floor(number * 16)]++;
          return {
            property, name: value.name, length: value.length, prototype: "prototype" in value, refused,
            inRange: drawn.every((number) => number >= 0 && number < 1),
            different: new Set(drawn).size, slots,
            mean: drawn.reduce((sum, number) => sum + number) / drawn.length,
            fine: drawn.filter((number) => Number.isInteger(number * 2 ** 53) && !Number.isInteger(number * 2 ** 51)).length,
          };
        };`,
      });
      const { slots, mean, fine, ...rest } = await guest.ask();
      assert.deepEqual(rest, {
        property: { writable: true, enumerable: false, configurable: true },
        name: "random",
        length: 0,
        prototype: false,
        refused: "TypeError",
        inRange: true,
        different: 100_000,
      });
      // Ten standard deviations: a good generator never comes so far off.
      for (const count of slots) assert.ok(Math.abs(count - 6250) < 770, String(slots));
      assert.ok(Math.abs(mean - 0.5) < 0.01, String(mean));
      assert.ok(Math.abs(fine - 75_000) < 1400, String(fine));
    },
  },
  {
    name: "draws other numbers from Math.random in each process, and goes on with others once woken",
    async run(guest) {
      await guest.deploy({
        code: `const first = Math.random(); exports.handler = () => [first, Math.random()];`,
      });
      const before = await guest.ask();
      assert.equal((await guest.restore()).status, 200);
      const after = await guest.ask();
      assert.equal(new Set([...before, ...after]).size, 3);
    },
  },
  {
    name: "gives a new revision Math.random and firelet back, whatever the old one put in their place",
    async run(guest) {
      await guest.deploy({
        code: `Math.random = () => 4; globalThis.firelet = 7; exports.handler = () => [Math.random(), firelet];`,
      });
      assert.deepEqual(await guest.ask(), [4, 7]);
      await guest.deploy({
        code: `exports.handler = () => [Math.random() < 1, Object.keys(firelet), Object.keys(globalThis).includes("firelet")];`,
      });
      assert.deepEqual(await guest.ask(), [true, ["beforeSnapshot", "afterRestore"], false]);
    },
  },
];

const hookFailures: readonly SnapshotExtra[] = [
  {
    name: "takes an exit, and an error that nobody catches, for a failure",
    async run(guest) {
      for (const [hook, type, message] of [
        ["() => process.exit(3)", "FunctionExit", "Function exited with code 3 (process.exit)"],
        [
          "() => new Promise(() => { setTimeout(() => { throw new Error('Broken'); }); })",
          "UncaughtException",
          "UncaughtException: Error: Broken",
        ],
        ["() => Promise.reject(7)", "number", "number: 7"],
      ]) {
        await guest.deploy({
          code: `exports.handler = () => {}; firelet.beforeSnapshot(${hook});`,
        });
        const { status, body } = await guest.control("quiesce");
        assert.equal(status, 422);
        assert.deepEqual([body.error.type, body.error.message], [type, message]);
      }
    },
  },
  {
    name: "says what it found in place of a function to register",
    async run(guest) {
      await guest.deploy({
        code: `exports.handler = (what) => { try { firelet.afterRestore(what); } catch (error) { return error.message; } };`,
      });
      assert.equal(await guest.ask("x"), "firelet.afterRestore wants a function, found a string");
      assert.equal(await guest.ask(), "firelet.afterRestore wants a function, found an object");
    },
  },
];

const timerCases: readonly SnapshotExtra[] = [
  {
    name: "fires an interval once for all the time that it stood still, and then keeps its pace",
    async run(guest: WakeableGuest) {
      await guest.deploy({
        code: `const times = []; setInterval(() => times.push(performance.now()), 20); exports.handler = () => times;`,
      });
      await passTime(100);
      await guest.freeze();
      await passTime(400);
      await guest.wake();
      await guest.control("resumed");
      await passTime(200);
      const times: readonly number[] = await guest.ask();
      const gaps = times.slice(1).map((time, at) => time - (times[at] ?? 0));
      const stood = gaps.findIndex((gap) => gap > 350);
      assert.ok(stood >= 0, String(gaps));
      // A timer that was late may come at once, and the one after it a little early.
      assert.ok(gaps.slice(stood + 1).filter((gap) => gap < 10).length <= 1, String(gaps));
    },
  },
];

/** What the Node runtime brings to the suite of snapshots. */
export const nodeSnapshots: SnapshotCases = {
  programs,
  extras: [...formCases, ...randomCases, ...hookFailures, ...timerCases],
  plainError: "Error",
};
