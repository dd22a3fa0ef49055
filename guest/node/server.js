// The Node runtime server: loads revisions of one function and runs its invocations, as
// docs/runtime-protocol.md says. One file, nothing but Node's own modules. Started as
//
//   node --experimental-vm-modules --disable-warning=ExperimentalWarning server.js
//
// (the same flags stand in guest/recipes/node.json). The first lets ES modules load from memory,
// so that old revisions can be freed; the second keeps Node's remark about it off the console.
//
// User code runs in this process and this realm. Nothing here keeps it from harming its own VM;
// what is kept from it is the harm done by accident: leaving, crashing, printing into another
// invocation. Whatever it patches (JSON, console, prototypes) must not break the next invocation,
// so this file uses what it took from the globals before any user code ran.

import { AsyncLocalStorage, createHook } from "node:async_hooks";
import { Buffer } from "node:buffer";
import { execFile } from "node:child_process";
import { randomFillSync, randomInt, randomUUID, timingSafeEqual } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { createServer } from "node:http";
import module from "node:module";
import { homedir } from "node:os";
import process from "node:process";
import { Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { pathToFileURL } from "node:url";
import { inspect, types } from "node:util";
import { setFlagsFromString } from "node:v8";
import vm from "node:vm";
import workerThreads from "node:worker_threads";

const bodyLimit = 7 * 1024 * 1024;
const responseLimit = 6 * 1024 * 1024;
const logLimit = 256 * 1024;
const logCutMark = `[firelet] logs cut at ${logLimit} bytes`;
/** Longest message and stack in a reply, in characters. */
const textLimit = 64 * 1024;
/** How long code may take over what it registered for snapshots, in all. */
const hooksLimitMs = 10_000;
/** The folder that user code is said to be in; nothing needs to be there. */
const functionFolder = "/function/";

const { ArrayBuffer, Error, Map, Number, Promise, Proxy, RangeError, Set, TypeError } = globalThis;
const { parse, stringify } = JSON;
const { apply, ownKeys, deleteProperty, set: setProperty } = Reflect;
const { defineProperty, getOwnPropertyDescriptor, getOwnPropertyDescriptors } = Object;
const { entries, keys: keysOf } = Object;
// Unlike the one of Object, it answers false where the property is frozen.
const tryDefineProperty = Reflect.defineProperty;
const { isNativeError } = types;
const { imul } = Math;
const sourceOf = Function.prototype.call.bind(Function.prototype.toString);
const hasOwn = Function.prototype.call.bind(Object.prototype.hasOwnProperty);
const decodeUtf8 = TextDecoder.prototype.decode.bind(new TextDecoder("utf-8", { fatal: true }));
const byteLength = Buffer.byteLength.bind(Buffer);
const startTimer = globalThis.setTimeout;
const stopTimer = globalThis.clearTimeout;
const clock = performance.now.bind(performance);
const wallClock = Date.now;
const isFiniteNumber = Number.isFinite;
const isArray = Array.isArray;
const laterTick = process.nextTick;

/** The scope (an invocation or a load) on whose behalf code runs, through awaits and callbacks. */
const scopes = new AsyncLocalStorage();

// ---- Output ------------------------------------------------------------------------------------

const realStdout = process.stdout;
const realStderr = process.stderr;
const writeStdout = realStdout.write.bind(realStdout);
const writeStderr = realStderr.write.bind(realStderr);
// A console whose reader has gone is no reason to end.
realStdout.on("error", () => {});
realStderr.on("error", () => {});

/** Puts the bytes that one stream was given together to lines. */
class LineAssembler {
  #decoder;
  #rest = "";

  /** Calls `take` with every line that `chunk` completes. */
  write(chunk, take) {
    let text;
    if (typeof chunk === "string") {
      text = this.#decoder ? this.#decoder.end() + chunk : chunk;
    } else {
      this.#decoder ??= new StringDecoder("utf8");
      text = this.#decoder.write(chunk);
    }
    let start = 0;
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
      take(this.#rest + text.slice(start, end));
      this.#rest = "";
      start = end + 1;
    }
    this.#rest += text.slice(start);
    // Nobody may fill the memory by never ending a line.
    if (this.#rest.length > logLimit) this.end(take);
  }

  /** Calls `take` with what has no end of line yet. */
  end(take) {
    const line = this.#decoder ? this.#rest + this.#decoder.end() : this.#rest;
    this.#rest = "";
    if (line !== "") take(line);
  }
}

/** Something that user code runs for: it owns what the code prints and how it fails. */
class Scope {
  revision;
  /** What begins a line that comes after the end. */
  #prefix;
  #assemblers = [undefined, undefined];
  #logs = [];
  #logBytes = 0;
  #cut = false;
  #take = (line) => this.#takeLine(line);
  open = true;
  /** State that Node's console keeps for the whole process, kept here instead. */
  consoleState = undefined;

  constructor(revision, prefix) {
    this.revision = revision;
    this.#prefix = prefix;
  }

  /** Takes output: `stream` is 0 for standard output, 1 for standard error. */
  write(stream, chunk) {
    const assembler = (this.#assemblers[stream] ??= new LineAssembler());
    assembler.write(chunk, this.#take);
  }

  /** Prints a line that is not the user's. */
  note(line) {
    this.#takeLine(line);
  }

  /** Ends the scope: from now on lines go to the console. */
  close() {
    for (const assembler of this.#assemblers) assembler?.end(this.#take);
    this.open = false;
    const logs = this.#logs;
    this.#logs = [];
    return logs;
  }

  #takeLine(line) {
    if (!this.open) {
      writeStdout(`${this.#prefix}${line}\n`);
      return;
    }
    if (this.#cut) return;
    const size = byteLength(line) + 1;
    if (this.#logBytes + size <= logLimit) {
      this.#logs.push(line);
      this.#logBytes += size;
      return;
    }
    this.#cut = true;
    const room = logLimit - this.#logBytes - 1;
    if (room > 0) this.#logs.push(cutText(line, room));
    this.#logs.push(logCutMark);
  }
}

/** The beginning of `text` that fits `room` bytes of UTF-8, in whole characters. */
function cutText(text, room) {
  const bytes = Buffer.from(text.slice(0, room));
  let end = Math.min(room, bytes.length);
  while (end < bytes.length && (bytes[end] & 0xc0) === 0x80) end -= 1;
  return bytes.toString("utf8", 0, end);
}

/** Stands in for process.stdout and process.stderr; cannot be ended, whatever user code does. */
class CapturedOutput extends Writable {
  #stream;
  #real;

  constructor(stream, real) {
    super({ autoDestroy: false, emitClose: false });
    this.#stream = stream;
    this.#real = real;
    // Many invocations may listen to it at once.
    this.setMaxListeners(0);
    this.fd = stream + 1;
    this._type = "pipe";
    this._isStdio = true;
  }

  write(chunk, encoding, callback) {
    if (typeof encoding === "function") return this.write(chunk, undefined, encoding);
    let data = chunk;
    if (typeof chunk === "string") {
      if (encoding && !/^utf-?8$/i.test(encoding)) data = Buffer.from(chunk, encoding);
    } else if (!ArrayBuffer.isView(chunk)) {
      const error = new TypeError(
        `The "chunk" argument must be of type string or an instance of Buffer, TypedArray, or DataView. Received ${typeof chunk}`,
      );
      error.code = "ERR_INVALID_ARG_TYPE";
      throw error;
    } else if (!Buffer.isBuffer(chunk)) {
      data = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    }
    const scope = scopes.getStore();
    if (scope) scope.write(this.#stream, data);
    else this.#real(data);
    if (typeof callback === "function") laterTick(callback);
    return true;
  }

  end(chunk, encoding, callback) {
    const done = [chunk, encoding, callback].find((value) => typeof value === "function");
    if (typeof chunk !== "function" && chunk !== undefined && chunk !== null) {
      this.write(chunk, typeof encoding === "string" ? encoding : undefined);
    }
    laterTick(() => {
      this.emit("finish");
      done?.();
    });
    return this;
  }

  destroy() {
    return this;
  }
}

// ---- The process, as user code sees it ---------------------------------------------------------

const realExit = process.reallyExit.bind(process);
const realKill = process.kill.bind(process);
const realEmit = process.emit;
const realEnv = process.env;
const initialTimeZone = realEnv.TZ;

/** What every function finds in its environment before its own is added. */
const baseEnv = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  HOME: homedir(),
  LANG: "C.UTF-8",
};
for (const [name, value] of entries(realEnv)) {
  if (!name.startsWith("FIRELET_")) baseEnv[name] = value;
}

/** As Node's own environment does, holds strings only. */
const envTraps = {
  __proto__: null,
  set(target, name, value) {
    const set = { value: `${value}`, writable: true, enumerable: true, configurable: true };
    return tryDefineProperty(target, name, { __proto__: null, ...set });
  },
};

/** Thrown where user code asks to leave; by then its scope has been told. */
class FunctionExit extends Error {
  constructor(code, by) {
    super(`Function exited with code ${code} (${by})`);
    this.name = "FunctionExit";
  }
}

/** Ends the scope instead of the process, and does not return. */
function leave(code, by) {
  const exit = new FunctionExit(code, by);
  strayError("FunctionExit", exit);
  throw exit;
}

function exitCode(code = process.exitCode) {
  return Number(code ?? 0) & 0xff;
}

const ownSignals = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGABRT: 6, SIGKILL: 9, SIGTERM: 15 };

/** Kills others, but takes a signal to this process for a wish to leave. */
function kill(pid, signal = "SIGTERM") {
  const own = pid === process.pid || pid === 0 || pid === -1 || pid === -process.pid;
  const number = typeof signal === "number" ? signal : ownSignals[signal];
  if (!own || number === 0) return realKill(pid, signal);
  return leave(128 + (number ?? 0), `process.kill ${signal}`);
}

/** Every event of the process passes here first, whatever listeners user code has removed. */
function emit(event, ...args) {
  if (event === "unhandledRejection" || event === "uncaughtException") {
    const type = event === "unhandledRejection" ? "UnhandledRejection" : "UncaughtException";
    strayError(type, args[0]);
    return true;
  }
  return apply(realEmit, process, [event, ...args]);
}

/** An error that no caller catches: it ends the scope it belongs to, or goes to the console. */
function strayError(type, thrown) {
  const scope = scopes.getStore();
  // The scope has been told already when the exit was asked for.
  if (thrown instanceof FunctionExit && type !== "FunctionExit") return;
  const failure = describeThrown(thrown, scope?.revision);
  if (scope?.open) {
    const { message } = failure;
    if (type === "FunctionExit") scope.fail(failure);
    else scope.fail({ ...failure, type, message: `${failure.type}: ${message}` });
    return;
  }
  const text = failure.stack ?? `${failure.type}: ${failure.message}`;
  for (const line of `${type}: ${text}`.split("\n")) {
    if (scope) scope.note(line);
    else writeStderr(`${line}\n`);
  }
}

/** Gives `object` a property that assignments leave alone, without an error in strict code. */
function pin(object, name, get) {
  defineProperty(object, name, { __proto__: null, get, set() {}, enumerable: true });
}

function tameProcess() {
  const stdout = new CapturedOutput(0, writeStdout);
  const stderr = new CapturedOutput(1, writeStderr);
  const replacements = {
    stdout,
    stderr,
    kill,
    emit,
    exit: (code) => leave(exitCode(code), "process.exit"),
    reallyExit: (code) => leave(exitCode(code), "process.reallyExit"),
    abort: () => leave(134, "process.abort"),
    execve: () => leave(0, "process.execve"),
    setUncaughtExceptionCaptureCallback: () => {},
  };
  for (const [name, value] of entries(replacements)) pin(process, name, () => value);
  pin(process, "env", () => scopes.getStore()?.revision.env ?? baseEnv);
  perInvocationConsole();

  // Node hands a worker the environment of the process unless it is told of another.
  workerThreads.Worker = class Worker extends workerThreads.Worker {
    constructor(file, options) {
      super(file, options?.env ? options : { ...options, env: { ...process.env } });
    }
  };
  module.syncBuiltinESMExports();
}

/** Groups, counters and timers of the console belong to an invocation, not to the process. */
function perInvocationConsole() {
  const initial = { __proto__: null, kGroupIndentationString: () => "", counts: () => new Map() };
  initial._times = initial.counts;
  for (const key of ownKeys(console)) {
    const name = typeof key === "symbol" ? key.description : key;
    const make = initial[name];
    const found = getOwnPropertyDescriptor(console, key);
    if (!make || !found.configurable) continue;
    let outside = console[key];
    defineProperty(console, key, {
      __proto__: null,
      configurable: true,
      enumerable: found.enumerable,
      get() {
        const scope = scopes.getStore();
        if (!scope) return outside;
        scope.consoleState ??= { __proto__: null };
        return (scope.consoleState[name] ??= make());
      },
      set(value) {
        const scope = scopes.getStore();
        if (!scope) outside = value;
        else (scope.consoleState ??= { __proto__: null })[name] = value;
      },
    });
  }
}

// ---- Random numbers ----------------------------------------------------------------------------

/** The state of the generator behind Math.random. */
const randomState = new Int32Array(4);

/** Takes the generator anew from OpenSSL. */
function seedRandom() {
  randomFillSync(randomState);
}

/** One step of xoshiro128** (Blackman and Vigna 2018): 32 bits. */
function nextRandom() {
  const a = randomState[0];
  const b = randomState[1];
  const c = randomState[2];
  const scrambled = imul(b, 5);
  randomState[0] = a ^ b ^ randomState[3];
  randomState[1] = a ^ b ^ c;
  randomState[2] = a ^ c ^ (b << 9);
  const turned = b ^ randomState[3];
  randomState[3] = (turned << 11) | (turned >>> 21);
  return imul((scrambled << 7) | (scrambled >>> 25), 9);
}

/**
 * V8's generator cannot be seeded again, so that all clones of a snapshot would draw the same from
 * it. This one takes its place before there is any user code.
 */
const { random } = {
  random() {
    // 53 bits, as many as a number in [0, 1) has.
    return ((nextRandom() >>> 5) * 0x4000000 + (nextRandom() >>> 6)) / 0x20000000000000;
  },
};
seedRandom();

/** What functions find as the global `firelet`, and under that name in `require` and `import`. */
const firelet = Object.freeze({
  beforeSnapshot(callback) {
    register("beforeSnapshot", callback);
  },
  afterRestore(callback) {
    register("afterRestore", callback);
  },
});

tameProcess();
const pristineConsole = console;
const pristineConsoleParts = getOwnPropertyDescriptors(console);

/** Takes back what an older revision did to what all revisions share. */
function restoreGlobals() {
  for (const name of ownKeys(pristineConsoleParts)) {
    tryDefineProperty(pristineConsole, name, pristineConsoleParts[name]);
  }
  const property = { __proto__: null, writable: true, configurable: true, enumerable: false };
  tryDefineProperty(globalThis, "console", { ...property, value: pristineConsole });
  tryDefineProperty(globalThis, "firelet", { ...property, value: firelet });
  tryDefineProperty(Math, "random", { ...property, value: random });
  deleteProperty(Error, "prepareStackTrace");
  setProperty(Error, "stackTraceLimit", 10);
}
restoreGlobals();

// ---- What was thrown ---------------------------------------------------------------------------

const plainNames = new Set([
  "Error",
  "EvalError",
  "RangeError",
  "ReferenceError",
  "SyntaxError",
  "TypeError",
  "URIError",
]);
const frame = /^\s+at /;
/** Frames of this file and of Node's own. */
const foreignFrame = (line) => line.includes(import.meta.url) || /[( ]node:/.test(line);

/** Reads a property of something hostile: undefined where that throws. */
function read(object, name) {
  try {
    return object[name];
  } catch {
    return undefined;
  }
}

function isError(value) {
  try {
    return isNativeError(value) || value instanceof Error;
  } catch {
    return false;
  }
}

function textOf(value) {
  try {
    if (typeof value === "string") return value.slice(0, textLimit);
    return inspect(value, { customInspect: false, breakLength: Infinity }).slice(0, textLimit);
  } catch {
    return "(cannot be shown)";
  }
}

/** The type, message and stack of anything that was thrown; never throws itself. */
function describeThrown(thrown, revision) {
  if (!isError(thrown)) {
    const type = thrown === null ? "null" : typeof thrown;
    return { type, message: textOf(thrown), stack: null };
  }
  const message = read(thrown, "message");
  return {
    type: classOf(thrown),
    message: message === undefined ? "(cannot be read)" : textOf(message),
    stack: stackOf(thrown, revision),
  };
}

/** The class of an error, or the name that it was given in place of it. */
function classOf(error) {
  if (error instanceof LoadError) return error.name;
  const name = read(error, "name");
  if (typeof name === "string" && name !== "" && !plainNames.has(name)) return textOf(name);
  const className = read(read(error, "constructor"), "name");
  return typeof className === "string" && className !== "" ? textOf(className) : "Error";
}

/** The stack of an error and its causes, with the user's frames only. */
function stackOf(error, revision) {
  const parts = [];
  const seen = new Set();
  for (let at = error; isError(at) && !seen.has(at) && seen.size < 8; at = read(at, "cause")) {
    seen.add(at);
    const stack = read(at, "stack");
    if (typeof stack === "string") parts.push(userFrames(stack, revision));
  }
  if (parts.length === 0) return null;
  return parts.join("\nCaused by: ").slice(0, textLimit);
}

function userFrames(stack, revision) {
  const lines = stack.split("\n");
  const first = lines.findIndex((line) => frame.test(line));
  if (first === -1) return stack;
  const frames = lines.slice(first).filter((line) => !foreignFrame(line));
  const last = frames.findLastIndex((line) => line.includes(functionFolder));
  const own = frames.slice(0, last + 1).map((line) => revision?.original(line) ?? line);
  return [...lines.slice(0, first), ...own].join("\n");
}

/** Where the user's code is in a stack: the innermost of its frames. */
function placeOf(stack, revision) {
  if (typeof stack !== "string") return undefined;
  for (const line of stack.split("\n")) {
    if (!frame.test(line) || !line.includes(revision.path)) continue;
    const found = /:(\d+):(\d+)\)?$/.exec(line);
    if (found) return { line: Number(found[1]), column: Number(found[2]) };
  }
  return undefined;
}

// ---- Loading -----------------------------------------------------------------------------------

/** A revision that cannot be loaded, for a reason that is no exception of its own. */
class LoadError extends Error {
  constructor(name, message, place) {
    super(message);
    this.name = name;
    this.place = place;
  }
}

/** One revision of the function: its code in memory and what surrounds it. */
class Revision {
  number;
  functionName;
  memoryMb;
  /** As asked for, and its last part. */
  handlerName;
  exportName;
  env;
  source;
  #baseName;
  #extension = ".js";
  #sourceMap;
  /** The function and what it is a method of, once loaded. */
  handler;
  owner;
  /** What it wants to do before a snapshot, and after a restore. */
  hooks = { beforeSnapshot: [], afterRestore: [] };

  constructor(bundle) {
    this.number = bundle.revision;
    this.functionName = bundle.function_name;
    this.memoryMb = bundle.memory_mb;
    this.handlerName = bundle.handler;
    const dot = bundle.handler.lastIndexOf(".");
    this.exportName = bundle.handler.slice(dot + 1);
    this.#baseName = dot > 0 ? bundle.handler.slice(0, dot) : "handler";
    this.source = bundle.code;
    this.env = new Proxy({ ...baseEnv, ...bundle.env }, envTraps);
  }

  get file() {
    return `${this.#baseName}${this.#extension}`;
  }

  get path() {
    return `${functionFolder}${this.file}`;
  }

  /** From now on the source is TypeScript; `map` leads back to it where lines have moved. */
  becomeTypeScript(map) {
    this.#extension = ".ts";
    this.#sourceMap = map;
  }

  /** A stack frame with the place in the source that the user wrote. */
  original(line) {
    if (!this.#sourceMap || !line.includes(this.path)) return line;
    return line.replace(/:(\d+):(\d+)(?=\)?$)/, (place, row, column) => {
      const entry = this.#sourceMap.findEntry(Number(row) - 1, Number(column) - 1);
      if (entry.originalLine === undefined) return place;
      return `:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
    });
  }

  /** Runs the code and finds its handler. */
  async evaluate() {
    const program = await this.#compile();
    const found = await program(this);
    this.#adoptHandler(found);
  }

  /** A function that runs the code: as a script, as an ES module, as TypeScript of either kind. */
  async #compile() {
    const plain = compileJavaScript(this.source, this);
    if (plain.run) return plain.run;
    const stripped = stripTypes(this.source);
    if (stripped.error) throw await laterError(plain, stripped.error, this);
    if (stripped.code === this.source) throw await syntaxError(plain, this);
    this.becomeTypeScript(stripped.map);
    const typed = compileJavaScript(stripped.code, this);
    if (typed.run) return typed.run;
    throw await syntaxError(typed, this);
  }

  #adoptHandler({ exports, bare }) {
    const name = this.exportName;
    const named = read(exports, name);
    const candidates = [
      [typeof exports === "function" && !hasOwn(exports, name) ? undefined : named, exports],
      [bare, undefined],
      [typeof exports === "function" ? exports : undefined, undefined],
      [read(read(exports, "default"), name), read(exports, "default")],
      [read(exports, "default"), undefined],
    ];
    const functions = candidates.filter(([value]) => typeof value === "function");
    const present = candidates.find(([value]) => value !== undefined);
    const [handler, owner] = functions[0] ?? present ?? [];
    if (handler === undefined) throw this.#noHandler(exports);
    if (typeof handler === "function" && !isClass(handler)) {
      this.handler = handler;
      this.owner = owner;
      return;
    }
    const found = typeof handler === "function" ? "a class" : describeKind(handler);
    throw new LoadError(
      "HandlerNotFunction",
      `Handler "${this.handlerName}" is not a function: "${name}" in ${this.file} is ${found}`,
    );
  }

  #noHandler(exports) {
    const names = new Set();
    for (const [, name] of this.source.matchAll(functionAtTop)) names.add(name);
    const isBag = exports !== null && typeof exports === "object";
    for (const name of isBag ? keysOf(exports) : []) {
      if (typeof read(exports, name) === "function") names.add(name);
    }
    const found = [...names].map((name) => `"${name}"`).join(", ") || "no function";
    return new LoadError(
      "HandlerNotFound",
      `Handler "${this.handlerName}" not found: ${this.file} has ${found}`,
    );
  }
}

/** Functions that begin at the first column, for telling the user what there is. */
const functionAtTop =
  /^(?:export\s+)?(?:default\s+)?(?:async\s+)?(?:function\s*\*?\s*|(?:const|let|var)\s+(?=[\w$]+\s*=\s*(?:async\b|function\b|\([^)]*\)\s*=>|[\w$]+\s*=>)))([\w$]+)/gm;

function isClass(value) {
  return /^class\b/.test(sourceOf(value));
}

function describeKind(value) {
  if (value === null || value === undefined) return `${value}`;
  const article = typeof value === "object" ? "an" : "a";
  return `${article} ${typeof value}`;
}

const identifier = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/** `{run}` where `code` is JavaScript; otherwise the errors of both kinds of it. */
function compileJavaScript(code, revision) {
  const name = identifier.test(revision.exportName) ? revision.exportName : undefined;
  const script = firstThatWorks([
    name &&
      (() =>
        compileScript(
          `${code}\n;return typeof ${name}==="undefined"?undefined:${name}`,
          revision.path,
        )),
    () => compileScript(code, revision.path),
  ]);
  if (script.value) return { run: () => runScript(script.value, revision) };
  const es = firstThatWorks([
    name && (() => compileModule(`${code}\n;export{${name} as "firelet:bare"}`, revision.path)),
    () => compileModule(code, revision.path),
  ]);
  if (es.value) return { run: () => runModule(es.value, revision) };
  return { code, scriptError: script.error, moduleError: es.error };
}

/** The value of the first that throws nothing, or the error of the last. */
function firstThatWorks(attempts) {
  let error;
  for (const attempt of attempts) {
    if (!attempt) continue;
    try {
      return { value: attempt() };
    } catch (thrown) {
      error = thrown;
    }
  }
  return { error };
}

/**
 * What import() does in the code at `path`. V8 keeps compiled code, and this with it, for a while
 * after its last use: so it must not lead to the revision and all that the revision holds.
 */
function importer(path) {
  return async (specifier, _, attributes) => {
    const namespace = await importFor(path, specifier, attributes);
    if (!/^(?:(?:node:)?process|firelet)$/.test(specifier)) return namespace;
    const own = moduleOf(specifier, namespace);
    await own.link(() => {});
    await own.evaluate();
    return own;
  };
}

const scriptParameters = ["exports", "require", "module", "__filename", "__dirname"];

function compileScript(code, path) {
  const options = { filename: path, importModuleDynamically: importer(path) };
  return uncached(() => vm.compileFunction(code, scriptParameters, options));
}

/** Compiles past V8's cache of compiled code, through which Node would keep a module alive. */
function uncached(compile) {
  setFlagsFromString("--no-compilation-cache");
  try {
    return compile();
  } finally {
    setFlagsFromString("--compilation-cache");
  }
}

function runScript(compiled, revision) {
  const globalBefore = read(globalThis, revision.exportName);
  const script = { exports: {}, id: ".", filename: revision.path, loaded: false, children: [] };
  const require = requireFrom(revision.path);
  const args = [script.exports, require, script, revision.path, functionFolder.slice(0, -1)];
  let bare = apply(compiled, script.exports, args);
  script.loaded = true;
  // Not the function's own, but a global that happens to have the name.
  if (bare === globalBefore) bare = undefined;
  // An undeclared `handler = …`: it must not be found by the next revision.
  if (bare !== undefined && bare === globalThis[revision.exportName]) {
    delete globalThis[revision.exportName];
  }
  return { exports: script.exports, bare };
}

/** What `require` is in the code at `path`. */
function requireFrom(path) {
  const require = module.createRequire(path);
  const own = (id) => (id === "firelet" ? firelet : require(id));
  return Object.assign(own, require);
}

const flagMissing = "Cannot load ES modules: Node runs without --experimental-vm-modules";

function compileModule(code, path) {
  if (!vm.SourceTextModule) throw new LoadError("SyntaxError", flagMissing);
  const options = {
    identifier: path,
    initializeImportMeta(meta) {
      meta.url = pathToFileURL(path).href;
      meta.filename = path;
      meta.dirname = functionFolder.slice(0, -1);
    },
    importModuleDynamically: importer(path),
  };
  return uncached(() => new vm.SourceTextModule(code, options));
}

async function runModule(compiled, revision) {
  await compiled.link(async (specifier, _, { attributes }) =>
    moduleOf(specifier, await importStatically(revision, specifier, attributes)),
  );
  await compiled.evaluate();
  const exports = compiled.namespace;
  return { exports, bare: read(exports, "firelet:bare") };
}

/** A module that exports what `namespace` does. */
function moduleOf(specifier, namespace) {
  // Node reads the exports of its own modules once, and process.env is not always the same.
  const source = module.isBuiltin(specifier) ? namespace.default : namespace;
  const names = keysOf(namespace);
  function fill() {
    for (const name of names)
      this.setExport(name, name === "default" ? namespace.default : source[name]);
  }
  return new vm.SyntheticModule(names, fill, { identifier: specifier });
}

/** A missing module of an import statement has no stack: the statement is looked up instead. */
async function importStatically(revision, specifier, attributes) {
  try {
    return await importFor(revision.path, specifier, attributes);
  } catch (error) {
    const { source } = revision;
    const offset = Math.max(source.indexOf(`"${specifier}"`), source.indexOf(`'${specifier}'`), 0);
    const before = source.slice(0, offset).split("\n");
    const place = { line: before.length, column: before.at(-1).length + 1 };
    throw new LoadError(classOf(error), firstLine(read(error, "message")), place);
  }
}

/** What an import gives: Node's own modules, and files that can be required from the function. */
async function importFor(path, specifier, attributes) {
  if (specifier === "firelet") return { __proto__: null, default: firelet, ...firelet };
  if (module.isBuiltin(specifier) || /^(?:data|file):/.test(specifier)) {
    return import(specifier, { with: { ...attributes } });
  }
  const file = module.createRequire(path).resolve(specifier);
  return import(pathToFileURL(file).href, { with: { ...attributes } });
}

/** Removes types with every line kept where it is; where that cannot be, with a map back. */
function stripTypes(source) {
  try {
    return { code: module.stripTypeScriptTypes(source) };
  } catch (error) {
    if (error.code !== "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") return { error };
  }
  try {
    const options = { mode: "transform", sourceMap: true };
    const output = module.stripTypeScriptTypes(source, options);
    const [code, encoded] = output.split(/\n\/\/# sourceMappingURL=data:application\/json;base64,/);
    const map = new module.SourceMap(parse(Buffer.from(encoded, "base64").toString()));
    return { code, map };
  } catch (error) {
    return { error };
  }
}

/** What only TypeScript says, or nearly: a wrong guess costs no more than a worse message. */
const looksTyped =
  /^\s*(?:export\s+)?(?:declare|interface|enum|namespace|type)\s+[\w$]+|\bimport\s+type\b|[\w$)\]}]\??\s*:\s*(?:string|number|boolean|unknown|any|void|never|Promise<|Record<)|\)\s*:\s*[A-Z]/m;

/** Of two parsers' errors the one that got further in code that looks like its language. */
async function laterError(plain, typeError, revision) {
  const error = await syntaxError(plain, revision);
  const place = placeOfSyntaxError(typeError);
  if (!looksTyped.test(revision.source) || !place) return error;
  if (error.place && error.place.line >= place.line) return error;
  revision.becomeTypeScript();
  return new LoadError("SyntaxError", firstLine(typeError.message), clamp(place, revision));
}

async function syntaxError({ code, scriptError, moduleError }, revision) {
  // In a script it is the `await` that is wrong; a module that has one elsewhere would allow it.
  const awaits = /^await is only valid/.test(scriptError.message);
  const isModule = awaits
    ? moduleError.message !== "Unexpected reserved word"
    : /\b(?:import|export)\b/.test(scriptError.message);
  const error = isModule ? moduleError : scriptError;
  const place = isModule ? await placeInModule(code) : placeOfSyntaxError(scriptError);
  return new LoadError("SyntaxError", error.message, clamp(place, revision));
}

/** Code that ends too early is wrong at its end, not on the lines that were added to it. */
function clamp(place, revision) {
  if (!place) return undefined;
  const lines = revision.source.trimEnd().split("\n");
  const line = Math.min(place.line, lines.length);
  const atEnd = line < place.line || place.column === null;
  return { line, column: atEnd ? lines[line - 1].length + 1 : place.column };
}

/** Reads `file:line`, the source line and the caret that Node puts before a SyntaxError. */
function placeOfSyntaxError(error) {
  return placeInReport(String(read(error, "stack")));
}

function placeInReport(report) {
  const found = /^[^\n]*:(\d+)\n((?:[^\n]*\n)*?)([ \t]*)\^/.exec(report);
  const end = /^[^\n]*:(\d+)\n/.exec(report);
  if (found) return { line: Number(found[1]), column: found[3].length + 1 };
  // No caret: the code ended before what was wanted came.
  return end ? { line: Number(end[1]), column: null } : undefined;
}

/** Node tells where an ES module is wrong only when it reads one itself. */
function placeInModule(code) {
  const { promise, resolve } = Promise.withResolvers();
  const args = ["--check", "--input-type=module", "-"];
  const options = { timeout: 20_000, env: {} };
  const child = execFile(process.execPath, args, options, (_, __, report) => {
    resolve(placeInReport(report));
  });
  child.on("error", () => resolve(undefined));
  child.stdin.on("error", () => {});
  child.stdin.end(code);
  return promise;
}

function firstLine(text) {
  return textOf(text).split("\n", 1)[0];
}

/** What user code runs for while it loads. */
class Load extends Scope {
  #outcome = Promise.withResolvers();

  constructor(revision) {
    super(revision, "");
  }

  /** Resolves to null when the revision has loaded, or done what `work` is, otherwise to why not. */
  run(work = () => this.revision.evaluate()) {
    scopes.run(this, async () => {
      try {
        await work();
        this.#outcome.resolve(null);
      } catch (thrown) {
        this.fail(describeThrown(thrown, this.revision), read(thrown, "place"));
      }
    });
    return this.#outcome.promise;
  }

  fail(failure, known) {
    const { revision } = this;
    const { type, stack } = failure;
    const place = known ?? placeOf(stack, revision) ?? { line: null, column: null };
    const own = ["HandlerNotFound", "HandlerNotFunction", "FunctionExit", "Timeout"];
    const spoken = own.includes(type) || failure.message.startsWith(`${type}: `);
    this.#outcome.resolve({
      __proto__: null,
      message: spoken ? firstLine(failure.message) : `${type}: ${firstLine(failure.message)}`,
      type,
      file: revision.file,
      line: place.line,
      column: place.column,
      stack: placeOf(stack, revision) ? stack : excerpt(revision, type, failure.message, place),
    });
  }

  abandon() {
    this.#outcome.resolve(undefined);
  }
}

// ---- Snapshots ---------------------------------------------------------------------------------

function register(when, callback) {
  if (typeof callback !== "function") {
    throw new TypeError(`firelet.${when} wants a function, found ${describeKind(callback)}`);
  }
  const revision = scopes.getStore()?.revision;
  if (!revision) throw new Error(`firelet.${when} is for code that loads`);
  revision.hooks[when].push(callback);
}

/** Runs what the serving revision registered, one after another. Resolves as a load does. */
async function runHooks(when) {
  if (!serving || serving.hooks[when].length === 0) return null;
  const scope = new Load(serving);
  const late = startTimer(() => {
    const message = `firelet.${when} did not end within ${hooksLimitMs / 1000} s`;
    scope.fail({ type: "Timeout", message, stack: null });
  }, hooksLimitMs);
  const failure = await scope.run(async () => {
    for (const hook of serving.hooks[when]) await hook();
  });
  stopTimer(late);
  for (const line of scope.close()) writeStdout(`${line}\n`);
  return failure;
}

/** Offsets in a message of the wake channel. */
const message = { name: 92, token: 172, end: 216 };
/** The FIFO that the messages come from; undefined before the first snapshot. */
let wakeChannel;
/** Of a clone: what came of its hooks, once they have run. */
let woken;

function openWakeChannel() {
  const path = realEnv.FIRELET_WAKE;
  let channel;
  try {
    if (path === undefined) throw new Error("FIRELET_WAKE names no wake channel");
    channel = openSync(path, "r");
    if (fstatSync(channel).isFIFO()) return channel;
    throw new Error(`${path} is no FIFO`);
  } catch (error) {
    if (channel !== undefined) closeSync(channel);
    throw new Refusal(409, `Cannot freeze: ${error.message}`);
  }
}

/** Waits for a message of the wake channel, on the spot: nothing else runs in this thread. */
function readWakeMessage() {
  const bytes = Buffer.alloc(message.end);
  for (let at = 0; at < message.end;) {
    const count = readSync(wakeChannel, bytes, at, message.end - at);
    if (count === 0) throw new Refusal(409, "Cannot freeze: nobody writes to the wake channel");
    at += count;
  }
  return bytes;
}

/**
 * Stands still until the VM is woken. Everything here happens at one go, and in a clone it is what
 * comes first.
 *
 * OpenSSL's generators are seeded by their parent, and that by the kernel, when their last time is
 * long ago, in the future, or older than their parent's. So one draw while the clock is set back
 * makes the parent remember that time, and one draw in the clone makes it ask the kernel again; the
 * generators of other threads, and the one for keys, follow at their next use.
 */
function freeze(response) {
  wakeChannel ??= openWakeChannel();
  readWakeMessage();
  seedRandom();
  useUpDraws();
  response.shouldKeepAlive = false;
  // Node hands so little to the kernel at once, and closes at once: a clone begins without
  // connections, whose other ends would be those of the template.
  send(response, `{"status":"frozen"}`);
  server.closeAllConnections();
  try {
    let bytes;
    // One without a name or a token set the clock back for a freeze that was refused.
    do bytes = readWakeMessage();
    while (bytes[message.name] === 0 && bytes[message.token] === 0);
    wake(bytes);
  } catch (error) {
    fail(`Cannot wake: ${error.message}`);
  }
}

/** How to take one of what Node draws ahead of time, and how many it draws. */
const drawnAhead = [
  [randomUUID, 128],
  [() => randomInt(1), 1024],
];

/**
 * Uses up what Node has drawn ahead of time, so that a clone's first call draws anew; done before
 * the snapshot, it costs the clone nothing. That none is left shows when Node draws again.
 */
function useUpDraws() {
  let draws = 0;
  const init = (_, type) => {
    if (type === "RANDOMBYTESREQUEST") draws += 1;
  };
  const hook = createHook({ init, trackPromises: false }).enable();
  try {
    for (const [take, ahead] of drawnAhead) {
      const before = draws;
      for (let left = ahead; draws === before; left -= 1) {
        if (left < 0) throw new Error("Node draws random numbers in another way than it did");
        take();
      }
      for (let left = ahead - 1; left > 0; left -= 1) take();
    }
  } finally {
    hook.disable();
  }
}

function wake(bytes) {
  seedRandom();
  if (bytes[message.token] !== 0) {
    token = bytes.subarray(message.token, bytes.indexOf(0, message.token));
  }
  if (bytes[message.name] !== 0) {
    instance = bytes.latin1Slice(message.name, bytes.indexOf(0, message.name));
  }
  const clone = { hooks: runHooks("afterRestore"), done: false };
  clone.hooks.then(() => (clone.done = true));
  woken = clone;
}

async function quiesce(response) {
  return refusedByHooks(await runHooks("beforeSnapshot"), response) ?? `{"status":"quiesced"}`;
}

async function resumed(response) {
  if (!woken) throw new Refusal(409, "Cannot resume: this VM was not woken");
  const refused = refusedByHooks(await woken.hooks, response);
  return refused ?? toJson({ status: "resumed", instance, time_ms: wallClock() });
}

function refusedByHooks(failure, response) {
  if (!failure) return undefined;
  response.statusCode = 422;
  return toJson({ status: "failed", logs: [], error: failure });
}

/** A snapshot holds no code that runs: its clones would all go on with it. */
function refuseAtWork(action) {
  const running = inFlight + loading;
  if (running === 0) return;
  throw new Refusal(409, `Cannot ${action}: ${running} invocations or loads run`);
}

/** What Node prints of a syntax error: the line and a caret below the place. */
function excerpt(revision, type, message, { line, column }) {
  if (line === null) return null;
  const text = revision.source.split("\n")[line - 1] ?? "";
  const indent = text.slice(0, column - 1).replace(/[^\t]/g, " ");
  return `${revision.path}:${line}\n${text}\n${indent}^\n\n${type}: ${message}`;
}

/** JSON of the server's own values: it must not ask prototypes, which user code may have changed. */
function toJson(value) {
  if (value === null || typeof value !== "object") return stringify(value ?? null);
  let json = "";
  if (isArray(value)) {
    for (let at = 0; at < value.length; at += 1)
      json += `${at === 0 ? "" : ","}${toJson(value[at])}`;
    return `[${json}]`;
  }
  for (const name of ownKeys(value)) {
    json += `${json === "" ? "" : ","}"${name}":${toJson(value[name])}`;
  }
  return `{${json}}`;
}

// ---- Results -----------------------------------------------------------------------------------

/** `{json}` of a handler's result, or `{failure}` with where it cannot be JSON. */
function serialise(value) {
  const { kind, json, cause } = tryStringify(value);
  if (kind) return { failure: notSerializable(kind, "response") };
  if (cause !== undefined) return { failure: cause };
  // Only a `null` in the text can hide a number that JSON has no word for.
  if (json.includes("null")) {
    const culprit = findCulprit(value);
    if (culprit) return { failure: notSerializable(culprit.kind, culprit.path) };
  }
  const size = byteLength(json);
  return size > responseLimit ? { failure: tooLarge(`${size} bytes`) } : { json };
}

function tryStringify(value) {
  try {
    if (value === undefined) return { json: "null" };
    if (value instanceof Map || value instanceof Set)
      return { kind: `a ${value.constructor.name}` };
    const json = stringify(value);
    return json === undefined ? { kind: describeKind(value) } : { json };
  } catch (thrown) {
    if (thrown instanceof RangeError && /Invalid string length/.test(thrown.message)) {
      return { cause: tooLarge("more than 512 MiB") };
    }
    const culprit = thrown instanceof RangeError ? undefined : findCulprit(value);
    if (culprit) return { cause: notSerializable(culprit.kind, culprit.path) };
    const deep = thrown instanceof RangeError ? "a value nested too deep" : undefined;
    const revision = scopes.getStore()?.revision;
    const { type, message, stack } = describeThrown(thrown, revision);
    const failure = notSerializable(deep ?? `${type}: ${message}`, "response");
    return { cause: placeOf(stack, revision) ? { ...failure, stack } : failure };
  }
}

function notSerializable(kind, path) {
  const message = `Cannot make JSON of the response: found ${kind} at ${path}`;
  return { type: "ResponseNotSerializable", message, stack: null };
}

function tooLarge(size) {
  const message = `Response is too large: its JSON has ${size}, the limit is ${responseLimit}`;
  return { type: "ResponseTooLarge", message, stack: null };
}

/** Goes through a value as JSON.stringify does, for the first part that cannot be JSON. */
function findCulprit(value) {
  let culprit;
  const holders = [];
  const keys = [];
  const path = (key) => keys.slice(1).concat([key]).reduce(pathStep, "response");
  try {
    stringify(value, function visit(key, part) {
      while (holders.length > 0 && holders.at(-1) !== this) {
        holders.pop();
        keys.pop();
      }
      const at = holders.length === 0 ? "response" : path(isArray(this) ? Number(key) : key);
      const kind = kindOfCulprit(part, holders);
      if (kind) {
        culprit = { kind, path: at };
        throw culprit;
      }
      if (typeof part === "object" && part !== null) {
        holders.push(part);
        keys.push(isArray(this) ? Number(key) : key);
      }
      return part;
    });
  } catch (thrown) {
    if (thrown !== culprit) return undefined;
  }
  return culprit;
}

function pathStep(path, key) {
  if (typeof key === "number") return `${path}[${key}]`;
  return identifier.test(key) ? `${path}.${key}` : `${path}[${stringify(key)}]`;
}

function kindOfCulprit(part, holders) {
  if (typeof part === "number" && !isFiniteNumber(part)) return `${part}`;
  if (typeof part === "bigint") return "a BigInt";
  return holders.includes(part) ? "a cycle" : undefined;
}

// ---- Invocations -------------------------------------------------------------------------------

let inFlight = 0;

/** The handler's second argument. */
class Context {
  #endsAt;

  constructor(revision, { requestId, timeoutMs, traceparent }) {
    this.#endsAt = clock() + timeoutMs;
    this.requestId = requestId;
    this.awsRequestId = requestId;
    this.traceparent = traceparent;
    this.functionName = revision.functionName;
    this.revision = revision.number;
    this.memoryMb = revision.memoryMb;
    this.memoryLimitInMB = revision.memoryMb;
    this.deadlineMs = wallClock() + timeoutMs;
  }

  getRemainingTimeInMillis() {
    return Math.max(0, Math.floor(this.#endsAt - clock()));
  }
}

class Invocation extends Scope {
  #call;
  #timer;
  #began = 0;
  #reply = Promise.withResolvers();

  constructor(revision, call) {
    super(revision, `[${call.requestId}] `);
    this.#call = call;
  }

  /** Resolves to the reply as JSON. What runs after it resolves is outside of the scope. */
  run(event) {
    inFlight += 1;
    this.#timer = startTimer(expire, this.#call.timeoutMs, this);
    this.#began = clock();
    scopes.run(this, callHandler, this, event);
    return this.#reply.promise;
  }

  context() {
    return new Context(this.revision, this.#call);
  }

  succeed(value) {
    if (!this.open) return;
    const durationMs = clock() - this.#began;
    if (durationMs > this.#call.timeoutMs) {
      this.expire();
      return;
    }
    const { json, failure } = serialise(value);
    if (failure) this.fail(failure, durationMs);
    else this.#settle(durationMs, `"success"`, `"response":${json}`);
  }

  fail({ type, message, stack }, durationMs = clock() - this.#began) {
    if (!this.open) return;
    // Code that blocked the event loop kept the timer from saying so.
    if (durationMs > this.#call.timeoutMs) this.expire();
    else this.#settle(durationMs, `"error"`, failureJson(type, message, stack));
  }

  expire() {
    if (!this.open) return;
    const message = `Function timed out after ${this.#call.timeoutMs} ms`;
    const json = failureJson("FunctionTimeout", message, null);
    this.#settle(clock() - this.#began, `"timeout"`, json);
  }

  #settle(durationMs, status, outcome) {
    stopTimer(this.#timer);
    inFlight -= 1;
    const logs = toJson(this.close());
    const duration = Math.round(durationMs * 1000) / 1000;
    this.#reply.resolve(
      `{"request_id":${stringify(this.#call.requestId)},"status":${status},"duration_ms":${duration},` +
        `${outcome},"logs":${logs},"revision":${this.revision.number}}`,
    );
  }
}

function expire(invocation) {
  invocation.expire();
}

async function callHandler(invocation, event) {
  const { handler, owner } = invocation.revision;
  try {
    invocation.succeed(await apply(handler, owner, [event, invocation.context()]));
  } catch (thrown) {
    if (invocation.open) invocation.fail(describeThrown(thrown, invocation.revision));
    else strayError("UnhandledRejection", thrown);
  }
}

function failureJson(type, message, stack) {
  const text = `"response":null,"error":${stringify(message)},"error_type":${stringify(type)}`;
  return `${text},"stack":${stringify(stack)}`;
}

// ---- Calls -------------------------------------------------------------------------------------

/** An answer other than 200. */
class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

let token;
/** The VM's name, which its adoption or its wake gave it. */
let instance;
let serving;
/** Loads that have not ended. */
let loading = 0;
let loadError = null;
/** Resolves when the newest load has ended. */
let lastLoad = Promise.resolve();

function health() {
  return toJson({
    status: "ok",
    protocol: 1,
    runtime: "node",
    version: process.versions.node,
    adopted: token !== undefined,
    codeLoaded: serving !== undefined,
    handler: serving?.handlerName ?? null,
    revision: serving?.number ?? null,
    error: loadError,
    in_flight: inFlight,
  });
}

const isText = (value) => typeof value === "string" && value !== "";

const adoptFields = {
  token: [(value) => /^[\w-]{43}$/.test(value), "43 characters of base64url"],
  instance: [isText, "a text that is not empty"],
};

function adopt(body) {
  checkFields("adopt", body, adoptFields);
  const offered = Buffer.from(body.token);
  if (token === undefined) {
    token = offered;
    instance = body.instance;
  }
  if (!timingSafeEqual(token, offered)) {
    throw new Refusal(403, "Cannot adopt: this VM has been adopted with another token");
  }
  return `{"status":"adopted"}`;
}

function authorize(request, action) {
  const given = Buffer.from(request.headers.authorization ?? "");
  const wanted = token && Buffer.concat([Buffer.from("Bearer "), token]);
  if (wanted && given.length === wanted.length && timingSafeEqual(given, wanted)) return;
  throw new Refusal(401, `Cannot ${action}: the token that adopted this VM is wanted`);
}

const invocationFields = {
  request_id: [(value) => isText(value) && value.length <= 128, "a text of 1 to 128 characters"],
  timeout_ms: [(value) => isFiniteNumber(value) && value > 0, "a number above 0"],
};

/** Absent where nobody traces the invocation. */
const traceFields = { traceparent: [isText, "a text that is not empty"] };

function invoke(body) {
  checkFields("invoke", body, invocationFields);
  const traced = hasOwn(body, "traceparent");
  if (traced) checkFields("invoke", body, traceFields);
  if (!serving) throw new Refusal(503, "No code is loaded");
  if (woken?.done === false) throw new Refusal(503, "The VM is waking");
  // A timer holds no more than 31 bits.
  const timeoutMs = Math.min(body.timeout_ms, 0x7fffffff);
  const event = hasOwn(body, "event") ? body.event : {};
  const traceparent = traced ? body.traceparent : undefined;
  return new Invocation(serving, { requestId: body.request_id, timeoutMs, traceparent }).run(event);
}

const bundleFields = {
  revision: [(value) => Number.isSafeInteger(value) && value > 0, "a whole number from 1"],
  function_name: [isText, "a text that is not empty"],
  memory_mb: [(value) => isFiniteNumber(value) && value > 0, "a number above 0"],
  handler: [isText, "a text that is not empty"],
  code: [(value) => typeof value === "string", "a text"],
  env: [isEnvironment, "an object of texts, without NUL, and without = in the names"],
};

function isEnvironment(value) {
  if (value === null || typeof value !== "object" || isArray(value)) return false;
  return entries(value).every(
    ([name, text]) => /^[^=\0]+$/.test(name) && typeof text === "string" && !text.includes("\0"),
  );
}

/** Loads after all loads before it; answers nothing where the caller has gone. */
async function load(body, response) {
  checkFields("load", body, bundleFields);
  const previous = lastLoad;
  const { promise, resolve } = Promise.withResolvers();
  lastLoad = promise;
  loading += 1;
  await previous;
  try {
    return response.destroyed ? undefined : await loadNow(body, response);
  } finally {
    loading -= 1;
    resolve();
  }
}

async function loadNow(bundle, response) {
  const revision = new Revision(bundle);
  const load = new Load(revision);
  const giveUp = () => load.abandon();
  response.on("close", giveUp);
  restoreGlobals();
  setTimeZone(revision.env.TZ);
  const failure = await load.run();
  response.off("close", giveUp);
  const logs = load.close();
  if (failure === null) {
    serving = revision;
    loadError = null;
    return toJson({ status: "loaded", revision: revision.number, logs });
  }
  setTimeZone(serving?.env.TZ);
  if (failure === undefined) return undefined;
  loadError = failure.message;
  response.statusCode = 422;
  return toJson({ status: "failed", logs, error: failure });
}

/** The time zone is the one part of an environment that Node keeps for the whole process. */
function setTimeZone(zone = initialTimeZone) {
  if (zone === realEnv.TZ) return;
  if (zone === undefined) delete realEnv.TZ;
  else realEnv.TZ = zone;
}

function checkFields(action, body, fields) {
  for (const [name, [isGood, wanted]] of entries(fields)) {
    const value = hasOwn(body, name) ? body[name] : undefined;
    if (isGood(value)) continue;
    const found = value === undefined ? "is missing" : `is ${textOf(value).slice(0, 100)}`;
    throw new Refusal(400, `Cannot ${action}: ${name} ${found}, ${wanted} is wanted`);
  }
}

// ---- HTTP --------------------------------------------------------------------------------------

const routes = {
  __proto__: null,
  "/health": { method: "GET", answer: health },
  "/invoke": { method: "POST", answer: (request, response, body) => invoke(parseBody(body)) },
  "/control/adopt": { method: "POST", answer: (request, response, body) => adopt(parseBody(body)) },
  "/control/load": {
    method: "POST",
    answer: (request, response, body) => {
      authorize(request, "load");
      return load(parseBody(body), response);
    },
  },
  "/control/quiesce": {
    method: "POST",
    answer: (request, response) => {
      authorize(request, "quiesce");
      refuseAtWork("quiesce");
      return quiesce(response);
    },
  },
  "/control/freeze": {
    method: "POST",
    answer: (request, response) => {
      authorize(request, "freeze");
      refuseAtWork("freeze");
      freeze(response);
    },
  },
  "/control/resumed": {
    method: "POST",
    answer: (request, response) => {
      authorize(request, "resume");
      return resumed(response);
    },
  },
};

function parseBody(bytes) {
  let body;
  try {
    body = parse(decodeUtf8(bytes));
  } catch (error) {
    throw new Refusal(400, `Cannot read the body: ${error.message}`);
  }
  if (body === null || typeof body !== "object" || isArray(body)) {
    throw new Refusal(400, "Cannot read the body: a JSON object is wanted");
  }
  return body;
}

function onRequest(request, response) {
  const chunks = [];
  let size = 0;
  request.on("data", (chunk) => {
    size += chunk.length;
    if (size <= bodyLimit) chunks.push(chunk);
    else chunks.length = 0;
  });
  request.on("end", () => {
    const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
    respond(request, response, size > bodyLimit ? null : body);
  });
}

async function respond(request, response, body) {
  try {
    const json = await answer(request, response, body);
    if (json !== undefined) send(response, json);
  } catch (error) {
    const refused = error instanceof Refusal;
    response.statusCode = refused ? error.status : 500;
    if (!refused) writeStderr(`runtime-server: ${textOf(read(error, "stack"))}\n`);
    send(response, `{"error":${stringify(textOf(error.message))}}`);
  }
}

function answer(request, response, body) {
  const route = routes[request.url];
  if (!route) throw new Refusal(404, `Unknown path ${request.url.slice(0, 200)}`);
  if (request.method !== route.method) {
    throw new Refusal(405, `Wrong method ${request.method}: ${route.method} is wanted`);
  }
  if (body === null) throw new Refusal(413, `Body is too large: the limit is ${bodyLimit} bytes`);
  return route.answer(request, response, body);
}

function send(response, json) {
  const length = byteLength(json);
  const headers = ["content-type", "application/json", "content-length", length];
  response.writeHead(response.statusCode, headers);
  response.end(json);
}

function fail(message) {
  writeStderr(`runtime-server: ${message}\n`);
  realExit(1);
}

function listenAddress(text = "0.0.0.0:3000") {
  const found = /^\[?([^\]]+?)\]?:(\d{1,5})$/.exec(text);
  if (found && Number(found[2]) < 65_536) return { host: found[1], port: Number(found[2]) };
  return fail(`Cannot listen: FIRELET_LISTEN is "${text}", address:port is wanted`);
}

/** The HTTP server. */
let server;

function start() {
  if (!vm.SourceTextModule) writeStderr(`runtime-server: ${flagMissing}\n`);
  // Connections are the manager's to end, and a paused VM must not find them timed out.
  server = createServer(
    { keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0, noDelay: true },
    onRequest,
  );
  server.on("connection", (socket) => socket.on("error", () => socket.destroy()));
  server.on("clientError", (error, socket) => {
    if (socket.writable) {
      const body = `{"error":"Cannot read the request"}`;
      socket.end(
        `HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n` +
          `content-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
      );
    }
  });
  const { host, port } = listenAddress(realEnv.FIRELET_LISTEN);
  server.on("error", (error) => fail(`Cannot listen on ${host}:${port}: ${error.message}`));
  server.listen({ host, port, backlog: 1024 }, () => {
    const { address, port: bound } = server.address();
    writeStdout(`runtime-server: listening on ${address}:${bound}\n`);
  });
  process.on("SIGTERM", () => {
    server.close();
    realExit(0);
  });
}

start();
