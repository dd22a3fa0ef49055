import type { FailureCase, RuntimeCases } from "./runtime-cases.ts";

/** A handler that answers `fine` for the event `fine`; what else it does begins on line 3. */
function failing(body: string, top = ""): string {
  return `exports.handler = async (event, context) => {
  if (event === "fine") return "fine";
${body}
};
${top}`;
}

const thrown = (body: string, type: string, message: string | RegExp): FailureCase => ({
  code: failing(body),
  type,
  message,
  lines: null,
});

const result = (value: string, message: string | RegExp): FailureCase =>
  thrown(`  return ${value};`, "ResponseNotSerializable", message);

const failures: RuntimeCases["failures"] = {
  throws: { ...thrown(`  throw new TypeError("Broken");`, "TypeError", "Broken"), lines: [3] },
  throwsLater: {
    code: failing(
      `  await new Promise((resolve) => setTimeout(resolve, 5));\n  throw new Error("Broken");`,
    ),
    type: "Error",
    message: "Broken",
    lines: [4],
  },
  throwsDeeper: {
    code: failing(`  return deeper();`, `function deeper() {\n  throw new Error("Broken");\n}`),
    type: "Error",
    message: "Broken",
    lines: [6, 3],
  },
  ownClass: {
    code: failing(`  throw new OutOfStock("Broken");`, "class OutOfStock extends Error {}"),
    type: "OutOfStock",
    message: "Broken",
    lines: [3],
  },
  cause: {
    code: failing(`  throw new Error("Broken", {\n    cause: new Error("Because") });`),
    type: "Error",
    message: "Broken",
    lines: [3, 4],
  },
  emptyMessage: { ...thrown(`  throw new Error();`, "Error", ""), lines: [3] },
  recursion: {
    code: failing(`  return deeper();`, `const deeper = () =>\n  1 + deeper();`),
    type: "RangeError",
    message: "Maximum call stack size exceeded",
    lines: [],
  },
  cycle: result(
    "event.self = { event }",
    "Cannot make JSON of the response: found a cycle at response.event.self",
  ),
  deepResult: {
    code: failing(
      "  let deep = [];\n  for (let i = 0; i < 100_000; i++) deep = [deep];\n  return deep;",
    ),
    type: "ResponseNotSerializable",
    message: "Cannot make JSON of the response: found a value nested too deep at response",
    lines: null,
  },
  notANumber: result(
    "{ a: [1, NaN] }",
    "Cannot make JSON of the response: found NaN at response.a[1]",
  ),
  infinity: result("-Infinity", "Cannot make JSON of the response: found -Infinity at response"),
  functionResult: result(
    "() => 1",
    "Cannot make JSON of the response: found a function at response",
  ),
  setResult: result("new Set([1])", "Cannot make JSON of the response: found a Set at response"),
  exit: {
    ...thrown("  process.exit(3);", "FunctionExit", "Function exited with code 3 (process.exit)"),
    lines: [3],
  },
  exitCaught: {
    code: failing(`  try { process.exit(3); } catch {}\n  return "went on";`),
    type: "FunctionExit",
    message: "Function exited with code 3 (process.exit)",
    lines: [3],
  },
  exitHard: {
    ...thrown(
      "  process.abort();",
      "FunctionExit",
      "Function exited with code 134 (process.abort)",
    ),
    lines: [3],
  },
  unhandled: {
    code: failing(
      `  (async () => { throw new Error("Forgotten"); })();\n  await new Promise((resolve) => setTimeout(resolve, 1000));`,
    ),
    type: "UnhandledRejection",
    message: "Error: Forgotten",
    lines: [3],
  },
  hostileError: {
    code: failing(
      `  throw new Hostile();`,
      `class Hostile extends Error {\n  get message() { throw new Error("No"); }\n}`,
    ),
    type: "Hostile",
    message: "(cannot be read)",
    lines: null,
  },
};

const furtherFailures: Record<string, FailureCase> = {
  "throws a string": thrown(`  throw "Broken";`, "string", "Broken"),
  "throws null": thrown(`  throw null;`, "null", "null"),
  "throws undefined": thrown(`  throw undefined;`, "undefined", "undefined"),
  "throws a number": thrown(`  throw 7;`, "number", "7"),
  "throws an object": thrown(`  throw { code: 7 };`, "object", "{ code: 7 }"),
  "throws a proxy that throws": thrown(
    `  throw new Proxy({}, { get() { throw 1; }, getPrototypeOf() { throw 2; }, ownKeys() { throw 3; } });`,
    "object",
    "{}",
  ),
  "rejects with null": thrown(`  return Promise.reject(null);`, "null", "null"),
  "throws an error with a name of its own": {
    ...thrown(
      `  throw Object.assign(new Error("Broken"), { name: "Teapot" });`,
      "Teapot",
      "Broken",
    ),
    lines: [3],
  },
  "throws an error whose message is an object": {
    ...thrown(`  throw Object.assign(new Error(), { message: { a: 1 } });`, "Error", "{ a: 1 }"),
    lines: [3],
  },
  "throws an error whose stack throws": thrown(
    `  throw Object.defineProperty(new Error("Broken"), "stack", { get() { throw 1; } });`,
    "Error",
    "Broken",
  ),
  "throws an error whose cause is itself": {
    code: failing(`  const error = new Error("Broken");\n  error.cause = error;\n  throw error;`),
    type: "Error",
    message: "Broken",
    lines: [3],
  },
  "throws an error of a callback of Node's": {
    code: failing(`  require("fs").readFileSync("/nowhere");`),
    type: "Error",
    message: /^ENOENT: no such file or directory/,
    lines: [3],
  },
  "replaces Error.prepareStackTrace": thrown(
    `  Error.prepareStackTrace = () => { throw new Error("No"); };\n  throw new Error("Broken");`,
    "Error",
    "Broken",
  ),
  "exits from a callback": {
    code: failing(
      `  setTimeout(() => {\n    process.exit(5); }, 5);\n  await new Promise(() => {});`,
    ),
    type: "FunctionExit",
    message: "Function exited with code 5 (process.exit)",
    lines: [4],
  },
  "exits with process.exitCode": thrown2(
    `  process.exitCode = 9; process.exit();`,
    9,
    "process.exit",
  ),
  "exits with process.reallyExit": thrown2(`  process.reallyExit(6);`, 6, "process.reallyExit"),
  "kills its process": thrown2(
    `  process.kill(process.pid, "SIGKILL");`,
    137,
    "process.kill SIGKILL",
  ),
  "ends its process as SIGTERM does": thrown2(`  process.kill(0);`, 143, "process.kill SIGTERM"),
  "throws in a timer": {
    code: failing(
      `  setTimeout(() => {\n    throw new Error("Forgotten"); }, 5);\n  await new Promise(() => {});`,
    ),
    type: "UncaughtException",
    message: "Error: Forgotten",
    lines: [4],
  },
  "throws in an event listener": {
    code: failing(
      `  const events = new (require("events"))();\n  setImmediate(() => events.emit("error", new RangeError("Forgotten")));\n  await new Promise(() => {});`,
    ),
    type: "UncaughtException",
    message: "RangeError: Forgotten",
    lines: [4],
  },
  "throws in a callback of the file system": {
    code: failing(
      `  require("fs").readFile("/nowhere", () => {\n    throw new Error("Forgotten"); });\n  await new Promise(() => {});`,
    ),
    type: "UncaughtException",
    message: "Error: Forgotten",
    lines: [4],
  },
  "is refused a connection and does not listen": {
    code: failing(`  require("net").connect(1, "127.0.0.1");\n  await new Promise(() => {});`),
    type: "UncaughtException",
    message: /^Error: connect ECONNREFUSED/,
    lines: [],
  },
  "throws in a worker": {
    code: failing(
      `  new (require("worker_threads").Worker)("throw new Error('Forgotten')", { eval: true });\n  await new Promise(() => {});`,
    ),
    type: "UncaughtException",
    message: "Error: Forgotten",
    lines: [],
  },
  "takes away all listeners before its promise rejects": {
    code: failing(
      `  for (const name of ["uncaughtException", "unhandledRejection"]) process.removeAllListeners(name);\n  process.setUncaughtExceptionCaptureCallback(() => {});\n  Promise.reject(new Error("Forgotten"));\n  await new Promise(() => {});`,
    ),
    type: "UnhandledRejection",
    message: "Error: Forgotten",
    lines: [5],
  },
  "answers a BigInt": result("{ list: [{ n: 1n }] }", /found a BigInt at response\.list\[0\]\.n$/),
  "answers NaN under a strange name": result(
    `{ "a b": NaN, ok: null }`,
    /found NaN at response\["a b"\]$/,
  ),
  "answers a symbol": result("Symbol('s')", /found a symbol at response$/),
  "answers a Map": result("new Map()", /found a Map at response$/),
  "answers a proxy that throws": {
    ...result(
      "new Proxy({}, { ownKeys() { throw new TypeError('No'); } })",
      /found TypeError: No at response$/,
    ),
    lines: [3],
  },
  "answers a toJSON that recurses for ever": {
    ...result("{ toJSON() { return this.toJSON() + 1; } }", /found a value nested too deep/),
    lines: [3],
  },
  "answers a getter that throws": {
    code: failing(`  return { get a() {\n    throw new Error("No"); } };`),
    type: "ResponseNotSerializable",
    message: "Cannot make JSON of the response: found Error: No at response",
    lines: [4],
  },
  "answers a toJSON that throws": {
    code: failing(`  return { toJSON() {\n    throw new Error("No"); } };`),
    type: "ResponseNotSerializable",
    message: /found Error: No at response$/,
    lines: [4],
  },
  "throws in TypeScript whose types are removed": {
    code: `interface Wish {\n  a: string;\n}\nexport const handler = (event: Wish | "fine") => {\n  if (event === "fine") return event;\n  throw new Error("Broken");\n};`,
    type: "Error",
    message: "Broken",
    lines: [6],
  },
  "throws in TypeScript that has to be rewritten": {
    code: `enum Colour {\n  Red,\n  Green,\n}\nnamespace Deep {\n  export const fail = () => {\n    throw new Error(Colour[1]);\n  };\n}\nexport const handler = (event: unknown) => {\n  if (event === "fine") return event;\n  return Deep.fail();\n};`,
    type: "Error",
    message: "Green",
    lines: [7, 12],
  },
};

function thrown2(body: string, code: number, by: string): FailureCase {
  const message = `Function exited with code ${code} (${by})`;
  return { ...thrown(body, "FunctionExit", message), lines: [3] };
}

/** Ways for an invocation to fail. */
export const nodeFailures = { failures, furtherFailures };
