import { nodeExtras } from "./runtime-cases-node-extras.ts";
import { nodeFailures } from "./runtime-cases-node-failures.ts";
import { nodeLoadFailures } from "./runtime-cases-node-loading.ts";
import type { HandlerForm, Program, RuntimeCases } from "./runtime-cases.ts";

const sleep = "const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));";

const programs: RuntimeCases["programs"] = {
  echo: { code: "async function handler(event) { return event; }" },
  nothing: { code: "exports.handler = () => {};" },
  context: {
    code: `exports.handler = (event, context) => ({
      request_id: context.requestId,
      function_name: context.functionName,
      revision: context.revision,
      memory_mb: context.memoryMb,
      deadline_ms: context.deadlineMs,
      remaining_ms: context.getRemainingTimeInMillis(),
      aws_request_id: context.awsRequestId,
      memory_limit_in_mb: context.memoryLimitInMB,
      traceparent: context.traceparent === undefined ? null : String(context.traceparent),
    });`,
  },
  counter: { code: "let count = 0; async function handler() { return ++count; }" },
  environment: {
    code: `const { execFileSync } = require("child_process");
    const atLoad = process.env.GREETING;
    const print = 'process.stdout.write(JSON.stringify(process.env.GREETING ?? null))';
    exports.handler = () => ({
      now: process.env.GREETING ?? null,
      at_load: atLoad ?? null,
      path: "PATH" in process.env,
      child: JSON.parse(execFileSync(process.execPath, ["-e", print])),
    });`,
  },
  slowEnvironment: {
    code: `${sleep}
    exports.handler = async ({ ms }) => {
      const before = process.env.GREETING;
      await sleep(ms);
      return [before, process.env.GREETING];
    };`,
  },
  changeEnvironment: {
    code: `exports.handler = ({ to }) => {
      process.env.GREETING = to;
      return process.env.GREETING;
    };`,
  },
  sleep: {
    code: `${sleep} exports.handler = async ({ ms }) => { await sleep(ms); return "slept"; };`,
  },
  logOwnId: {
    code: `${sleep}
    exports.handler = async ({ times }, { requestId }) => {
      for (let i = 0; i < times; i++) {
        await sleep(1);
        console.log(requestId, i);
      }
      return requestId;
    };`,
  },
  logOwnIdBlocking: {
    code: `const { EventEmitter } = require("events");
    exports.handler = ({ times }, { requestId }) => new Promise((resolve) => {
      const lines = new EventEmitter();
      let i = 0;
      lines.on("line", () => process.stdout.write(requestId + " " + i + "\\n"));
      const timer = setInterval(() => {
        lines.emit("line");
        if (++i === times) { clearInterval(timer); resolve(requestId); }
      }, 1);
    });`,
  },
  streams: {
    code: `exports.handler = () => {
      console.log("one");
      process.stdout.write("two\\n");
      process.stderr.write("three\\n");
      console.error("four");
      process.stdout.write("fi");
      process.stdout.write("ve");
      return null;
    };`,
  },
  unicode: {
    code: `exports.handler = () => {
      for (const byte of Buffer.from("grüße 🌍\\n")) process.stdout.write(new Uint8Array([byte]));
    };`,
  },
  emptyLines: { code: `exports.handler = () => { process.stdout.write("a\\n\\nb\\n"); };` },
  threadLog: {
    code: `const { Worker } = require("worker_threads");
    exports.handler = () => new Promise((resolve, reject) => {
      const worker = new Worker('console.log("from a thread")', { eval: true });
      worker.on("error", reject);
      worker.on("exit", () => resolve(null));
    });`,
  },
  flood: {
    code: `exports.handler = ({ lines }) => {
      for (let i = 0; i < lines; i++) console.log("x".repeat(63));
      return "flooded";
    };`,
  },
  hugeLine: {
    code: `exports.handler = ({ bytes }) => { console.log("y".repeat(bytes)); return "flooded"; };`,
  },
  late: {
    code: `exports.handler = ({ id }) => { setTimeout(() => console.log("late", id), 50); return "early"; };`,
  },
  lateFailure: {
    code: `${sleep}
    const fail = async (id) => { await sleep(50); throw new Error("late " + id); };
    exports.handler = ({ id }) => { fail(id); return "early"; };`,
  },
  afterTimeout: {
    code: `${sleep}
    exports.handler = async ({ ms, id }) => { await sleep(ms); console.log("overdue", id); return "slept"; };`,
  },
  logThenSleep: {
    code: `${sleep}
    exports.handler = async ({ ms }) => { console.log("before"); await sleep(ms); return "slept"; };`,
  },
  big: { code: "exports.handler = ({ text, times }) => text.repeat(times);" },
  ballast: {
    code: `const held = Buffer.alloc(8 * 1024 * 1024, 1);
    exports.handler = () => { held[0]++; return process.memoryUsage.rss(); };`,
  },
  logsWhileLoading: { code: `console.log("loading"); exports.handler = () => "loaded";` },
  loadsForever: { code: "await new Promise(() => {}); export const handler = () => {};" },
};

/** A handler form: the code is complete but for the answer. */
function form(name: string, code: string, handler = "handler"): HandlerForm & Program {
  return { name, code: code.replace("$ANSWER", "`Hello, ${event.name}`"), handler };
}

const scripts = [
  form("a bare async function", "async function handler(event) { return $ANSWER; }"),
  form(
    "a bare function in strict code",
    `"use strict";\nfunction handler(event) { return $ANSWER; }`,
  ),
  form("a bare const", "const handler = async (event) => $ANSWER;"),
  form("a bare let", "let handler; handler = function (event) { return $ANSWER; };"),
  form("a handler that was never declared", "handler = (event) => $ANSWER;"),
  form("exports.handler", "exports.handler = async (event) => $ANSWER;"),
  form("a function as module.exports", "module.exports = async (event) => $ANSWER;"),
  form(
    "an object as module.exports",
    "const main = (event) => $ANSWER;\nmodule.exports = { handler: main };",
  ),
  form(
    "a method that uses this",
    "module.exports = { hello: 'Hello', handler(event) { return this.hello + ', ' + event.name; } };",
  ),
  form("exports.default, as compilers write it", "exports.default = (event) => $ANSWER;"),
  form("a function of another name", "function main(event) { return $ANSWER; }", "main"),
  form("module.function", "exports.run = (event) => $ANSWER;", "app.run"),
  form("a last line that is a comment", "function handler(event) { return $ANSWER; } // end"),
  form("a top level that returns early", "exports.handler = (event) => $ANSWER;\nreturn;"),
  form(
    "a promise-like result",
    "exports.handler = (event) => ({ then(resolve) { resolve($ANSWER); } });",
  ),
  form("a name that is a global's too", "async function fetch(event) { return $ANSWER; }", "fetch"),
  form(
    "import() in a script",
    "exports.handler = async (event) => { await import('node:fs'); return $ANSWER; };",
  ),
  form(
    "require of Node's own modules",
    "const { format } = require('node:util');\nexports.handler = (event) => format('Hello, %s', event.name);",
  ),
];

const modules = [
  form("an ES module's export by name", "export async function handler(event) { return $ANSWER; }"),
  form(
    "an ES module's export as another name",
    "const main = (event) => $ANSWER;\nexport { main as handler };",
  ),
  form("an ES module's default export", "export default async (event) => $ANSWER;"),
  form("an ES module's default object", "export default { handler: (event) => $ANSWER };"),
  form(
    "an ES module that exports nothing",
    "import 'node:fs';\nasync function handler(event) { return $ANSWER; }",
  ),
  form(
    "a top-level await",
    "const hello = await Promise.resolve('Hello');\nexport const handler = (event) => $ANSWER;",
  ),
  form(
    "a top-level await and no export",
    "const hello = await Promise.resolve('Hello');\nconst handler = (event) => $ANSWER;",
  ),
  form(
    "imports of every kind",
    "import util, { format } from 'util';\nimport * as all from 'node:util';\n" +
      "export const handler = (event) => all.format === format && util.format('Hello, %s', event.name);",
  ),
  form(
    "import() and import.meta in an ES module",
    "const { format } = await import('node:util');\nif (import.meta.filename !== '/function/handler.js') throw 0;\n" +
      "export const handler = (event) => format('Hello, %s', event.name);",
  ),
];

const typescript = [
  form(
    "TypeScript",
    "interface Event { name: string }\nasync function handler(event: Event): Promise<string> { return $ANSWER; }",
  ),
  form(
    "TypeScript in an ES module",
    "type Event = { name: string };\nexport const handler = (event: Event): string => $ANSWER;",
  ),
  form(
    "TypeScript with enums and parameter properties",
    "enum Hi { Hello }\nclass Greeter { constructor(private hi: Hi) {}\n greet(name: string) { return Hi[this.hi] + ', ' + name; } }\nexport const handler = (event: { name: string }) => new Greeter(Hi.Hello).greet(event.name);",
  ),
];

/** What the Node runtime brings to the suite. */
export const nodeCases: RuntimeCases = {
  programs,
  handlerForms: [...scripts, ...modules, ...typescript],
  ...nodeFailures,
  ...nodeLoadFailures,
  extras: nodeExtras,
  stackLines: (stack) =>
    [...stack.matchAll(/\/function\/[\w./-]+:(\d+):\d+/g)].map(([, line]) => Number(line)),
  foreignFrame: /server\.js|node:/,
};
