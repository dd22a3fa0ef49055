import assert from "node:assert/strict";

import type { ReplyBody, RuntimeGuest } from "../support/runtime-guest.ts";
import type { ExtraCase } from "./runtime-cases.ts";

const mebibyte = 1024 * 1024;

const blocking = `exports.handler = (ms) => {
  console.log("blocking");
  const end = Date.now() + ms;
  while (Date.now() < end);
  return "done";
};`;

const hostile = `
  Object.prototype.toJSON = () => { throw new Error("No"); };
  Object.prototype.polluted = "yes";
  Array.prototype.toJSON = () => "[]";
  JSON.stringify = () => "nonsense";
  JSON.parse = () => ({});
  globalThis.setTimeout = () => {};
  globalThis.clearTimeout = () => { throw new Error("No"); };
  performance.now = () => NaN;
  Date.now = () => 0;
  Number.isFinite = () => false;
  Array.isArray = () => false;
  Buffer.byteLength = () => { throw new Error("No"); };
  Promise.prototype.then = () => { throw new Error("No"); };
  for (const name of ["Promise", "Buffer", "process", "Map", "Set", "console"]) globalThis[name] = undefined;
`;
/** A revision of 4 MiB of objects, which answers what the heap holds once it has been cleaned. */
function ballast(exported: string): string {
  return `const held = Array.from({ length: 60_000 }, (_, at) => ({ at, text: "t" + at }));
    ${exported} async () => {
      held[0].at++;
      setTimeout(() => held, 1);
      const v8 = await import("node:v8");
      v8.setFlagsFromString("--expose-gc");
      (await import("node:vm")).runInNewContext("gc")();
      return process.memoryUsage().heapUsed;
    };`;
}

/** Cases that leave their traces on what all revisions share, so each has a server of its own. */
const hostileCases: readonly ExtraCase[] = [
  {
    name: "goes on where the function has patched what everything relies on",
    ownServer: true,
    async run(guest) {
      await guest.deploy({ code: `${hostile}\nexports.handler = () => 7;` });
      assert.equal(await guest.ask(), 7);
      assert.equal(await guest.ask(), 7);
      const refused = await guest.load({ code: "exports.handler = 7;" });
      assert.equal(refused.body.error.type, "HandlerNotFunction");
      await guest.deploy({ code: "exports.handler = async (event) => event;" });
      assert.equal(await guest.ask("still"), "still");
      assert.equal((await guest.request("GET", "/health")).body.status, "ok");
    },
  },
  {
    name: "goes on where the function has frozen the globals",
    ownServer: true,
    async run(guest) {
      const code = `for (const shared of [globalThis, console, process, JSON, Object.prototype, Error])
        try { Object.freeze(shared); } catch {}
      exports.handler = (event) => { console.log("frozen"); return event; };`;
      await guest.deploy({ code });
      assert.deepEqual((await guest.invoke(1)).logs, ["frozen"]);
      await guest.deploy({ code: "exports.handler = () => console.log('again');" });
      assert.deepEqual((await guest.invoke()).logs, ["again"]);
    },
  },
];

const outputCases: readonly ExtraCase[] = [
  {
    name: "formats as Node's console does",
    async run(guest) {
      await guest.deploy({
        code: `exports.handler = () => {
          console.log("%s is %d", "it", 7, { a: [1] });
          console.info(new Map([["a", 1]]));
          console.warn("%j", { b: 2 });
          console.debug();
          console.table([{ a: 1 }]);
          process.stdout.write("caf\\u00e9\\n", "latin1");
          process.stdout.write("616263", "hex");
        };`,
      });
      const { logs } = await guest.invoke();
      assert.deepEqual(logs.slice(0, 4), [
        "it is 7 { a: [ 1 ] }",
        "Map(1) { 'a' => 1 }",
        '{"b":2}',
        "",
      ]);
      assert.match(logs[5], /\(index\)/);
      assert.equal(logs.at(-1), "abc");
    },
  },
  {
    name: "keeps the console's groups and counters to an invocation",
    async run(guest) {
      await guest.deploy({
        code: `exports.handler = async (name) => {
          console.group(name);
          console.count();
          await new Promise((resolve) => setTimeout(resolve, 20));
          console.log("inside");
        };`,
      });
      const replies = await Promise.all([guest.invoke("a"), guest.invoke("b")]);
      const logs = replies.map((reply) => reply.logs);
      assert.deepEqual(logs, [
        ["a", "  default: 1", "  inside"],
        ["b", "  default: 1", "  inside"],
      ]);
    },
  },
  {
    name: "goes on where the function ends, destroys or replaces its output",
    async run(guest) {
      await guest.deploy({
        code: `exports.handler = () => {
          process.stdout.end("one\\n");
          process.stderr.destroy();
          process.stdout = null;
          process.stdout.write("two\\n");
          console.log("three");
          console.log = () => {};
          console = { log() { throw new Error("No"); } };
        };`,
      });
      assert.deepEqual((await guest.invoke()).logs, ["one", "two", "three"]);
      await guest.deploy({ code: "exports.handler = () => console.log('again');" });
      assert.deepEqual((await guest.invoke()).logs, ["again"]);
    },
  },
  {
    name: "pipes a stream into the output of its own invocation",
    async run(guest) {
      await guest.deploy({
        code: `const { Readable } = require("stream");
        const { pipeline } = require("stream/promises");
        exports.handler = (name) => pipeline(Readable.from([name, " one\\n", name, " two\\n"]), process.stdout);`,
      });
      const names = Array.from({ length: 20 }, (_, at) => `n${at}`);
      const replies = await Promise.all(names.map((name) => guest.invoke(name)));
      for (const [at, { status, logs }] of replies.entries()) {
        assert.equal(status, "success");
        assert.deepEqual(logs, [`n${at} one`, `n${at} two`]);
      }
    },
  },
  {
    name: "gives a worker the environment of its revision",
    async run(guest) {
      await guest.deploy({
        code: `const { Worker } = require("worker_threads");
        exports.handler = () => new Promise((resolve) => {
          const code = 'require("worker_threads").parentPort.postMessage(process.env.GREETING)';
          new Worker(code, { eval: true }).on("message", resolve);
        });`,
        env: { GREETING: "Hi" },
      });
      assert.equal(await guest.ask(), "Hi");
    },
  },
  {
    name: "keeps the environment to texts, and the server's own names out of it",
    async run(guest) {
      await guest.deploy({
        code: `exports.handler = () => {
          process.env.NUMBER = 7;
          process.env = {};
          return [process.env.NUMBER, Object.keys(process.env).filter((name) => /FIRELET/.test(name))];
        };`,
      });
      assert.deepEqual(await guest.ask(), ["7", []]);
    },
  },
  {
    name: "gives ES modules the environment of their revision, however they import it",
    async run(guest) {
      await guest.deploy({
        code: `import process, { env } from "node:process";
        import * as all from "process";
        const later = await import("node:process");
        export const handler = () =>
          [process, all, later, { env }].map((from) => from.env.GREETING);`,
        env: { GREETING: "Hi" },
      });
      assert.deepEqual(await guest.ask(), ["Hi", "Hi", "Hi", "Hi"]);
    },
  },
  {
    name: "takes the time zone from the revision's environment",
    async run(guest) {
      const code = "exports.handler = () => new Date(0).getHours();";
      await guest.deploy({ code, env: { TZ: "Asia/Tokyo" } });
      assert.equal(await guest.ask(), 9);
      await guest.deploy({ code, env: { TZ: "UTC" } });
      assert.equal(await guest.ask(), 0);
    },
  },
];

const lifeCases: readonly ExtraCase[] = [
  {
    name: "says timeout where a handler blocked until after its limit",
    async run(guest) {
      await guest.deploy({ code: blocking });
      const reply = await guest.invoke(300 * guest.slowFactor, {
        timeoutMs: 100 * guest.slowFactor,
      });
      assert.equal(reply.status, "timeout");
      assert.deepEqual(reply.logs, ["blocking"]);
      assert.equal(await guest.ask(1), "done");
    },
  },
  {
    name: "answers nobody while a handler blocks for ever, and can be ended",
    ownServer: true,
    async run(guest) {
      await guest.deploy({ code: blocking });
      const signal = AbortSignal.timeout(500 * guest.slowFactor);
      const body = { request_id: "a", event: 600_000, timeout_ms: 100 };
      await assert.rejects(guest.request("POST", "/invoke", body, { signal }), {
        name: "AbortError",
      });
    },
  },
  {
    name: "tells a late exit, and a late rejection of the handler, on the console",
    async run(guest) {
      await guest.deploy({
        code: `exports.handler = async (id) => {
          setTimeout(() => process.exit(8), 20);
          await new Promise((resolve) => setTimeout(resolve, 60));
          throw new Error("too late " + id);
        };`,
      });
      const requestId = crypto.randomUUID();
      const reply = await guest.invoke(requestId, { requestId, timeoutMs: 10 });
      assert.equal(reply.status, "timeout");
      await guest.untilOnConsole(`[${requestId}] FunctionExit: `);
      await guest.untilOnConsole(
        `[${requestId}] UnhandledRejection: Error: too late ${requestId}\n`,
      );
      assert.equal((await guest.request("GET", "/health")).status, 200);
    },
  },
  {
    name: "prints what belongs to no invocation as it is",
    async run(guest) {
      const mark = crypto.randomUUID();
      const reply = await guest.load({
        code: `exports.handler = (event) => event;
        setTimeout(() => { console.log("${mark} ticks"); throw new Error("${mark} fails"); }, 30);`,
      });
      assert.deepEqual(reply.body.logs, []);
      await guest.untilOnConsole(`\n${mark} ticks\n`);
      await guest.untilOnConsole(`UncaughtException: Error: ${mark} fails\n`);
      assert.equal(await guest.ask("still"), "still");
    },
  },
  {
    name: "frees revisions of many small objects, those that fail to load too",
    async run(guest) {
      const used: number[] = [];
      for (let round = 0; round < 20; round += 1) {
        const exported = round % 2 === 0 ? "export const handler =" : "exports.handler =";
        await guest.load({ code: `${ballast(exported)}\nthrow new Error("Broken");` });
        await guest.deploy({ code: ballast(exported) });
        used.push(await guest.ask());
      }
      const growth = ((used.at(-1) ?? 0) - (used[1] ?? 0)) / mebibyte;
      // Eighteen times two revisions of 4 MiB: 144 MiB if they were kept.
      assert.ok(growth < 20, `Grew by ${growth} MiB: ${used.map((at) => at / mebibyte).join()}`);
    },
  },
  {
    name: "treats null in a result as what JSON makes of it",
    async run(guest) {
      await guest.deploy({
        code: "exports.handler = () => ({ a: null, b: [undefined], c: undefined, d: new Date(NaN), e: () => 1, f: new Map(), 'null': 1 });",
      });
      assert.deepEqual(await guest.ask(), { a: null, b: [null], d: null, f: {}, null: 1 });
    },
  },
  {
    name: "does not find a handler that an older revision left behind",
    async run(guest) {
      await guest.deploy({ code: "handler = () => 1;" });
      assert.equal(await guest.ask(), 1);
      const reply = await guest.load({ code: "exports.other = () => 2;" });
      assert.equal(reply.body.error.type, "HandlerNotFound");
    },
  },
  {
    name: "shows the user's own place for a fault in a long stack",
    async run(guest) {
      await guest.deploy({
        code: `exports.handler = () =>\n  [1].map(() =>\n    JSON.parse("{"));`,
      });
      const reply: ReplyBody = await failed(guest);
      assert.match(
        reply.stack,
        /^SyntaxError: .*\n    at JSON.parse \(<anonymous>\)\n    at \/function\/handler.js:3:10\n    at Array.map \(<anonymous>\)\n    at exports.handler \(\/function\/handler.js:2:7\)$/,
      );
    },
  },
];

async function failed(guest: RuntimeGuest): Promise<ReplyBody> {
  const reply = await guest.invoke();
  assert.equal(reply.status, "error");
  return reply;
}

/** What only a Node runtime server has to get right. */
export const nodeExtras: readonly ExtraCase[] = [...outputCases, ...lifeCases, ...hostileCases];
