import type { RuntimeGuest } from "../support/runtime-guest.ts";

/**
 * Programs that every runtime supplies, and what each must do. `request_id` is the context's.
 * "Waits" means without blocking (`await`, `asyncio.sleep`), unless the program says otherwise.
 */
export const programContracts = {
  echo: "answers its event as it is",
  nothing: "returns nothing at all (undefined, None)",
  context:
    "answers {request_id, function_name, revision, memory_mb, deadline_ms, remaining_ms, aws_request_id, memory_limit_in_mb, traceparent} from its context; traceparent is null where the context has none (undefined, None)",
  counter: "counts its invocations in a module variable and answers the count, from 1",
  environment:
    "answers {now, at_load, path, child}: GREETING in the handler, GREETING read while loading, whether PATH is set (true), and GREETING as a child process sees it; null where unset",
  slowEnvironment: "answers [GREETING, GREETING again after waiting event.ms]",
  changeEnvironment: "sets GREETING to event.to in its own environment and answers what it reads",
  sleep: "waits event.ms, then answers `slept`",
  logOwnId:
    "logs `<request_id> <i>` for i from 0 below event.times, waiting 1 ms before each; answers request_id",
  logOwnIdBlocking:
    "as logOwnId, in the runtime's other way of working (Python: a plain def with time.sleep; Node: timers and callbacks, no await)",
  streams:
    "writes, in this order and by four different means, the lines `one` (console.log, print), `two` (process.stdout.write, sys.stdout.write), `three` (stderr), `four` (console.error, logging), then `fi` and `ve` as two writes with no newline at the end; answers null",
  unicode: "writes the UTF-8 bytes of `grüße 🌍\\n` to stdout one byte at a time; answers null",
  emptyLines: "writes `a\\n\\nb\\n` in one go; answers null",
  threadLog:
    "starts a thread or worker that prints `from a thread`, waits for its end, answers null",
  flood: "prints event.lines lines of 63 `x` and a newline; answers `flooded`",
  hugeLine: "prints one line of event.bytes `y`; answers `flooded`",
  late: "starts work that prints `late <event.id>` 50 ms after the reply; answers `early` at once",
  lateFailure:
    "starts work nobody waits for that throws an error with the message `late <event.id>` 50 ms after the reply; answers `early` at once",
  afterTimeout: "waits event.ms, prints `overdue <event.id>`, answers `slept`",
  logThenSleep: "prints `before`, waits event.ms, answers `slept`",
  big: "answers a string of event.text repeated event.times times",
  ballast:
    "holds 8 MiB of written memory from loading on; answers the resident bytes of its process",
  logsWhileLoading: "prints `loading` while it loads; answers `loaded`",
  loadsForever: "never finishes loading, without using the processor",
} as const;

/** Failures that every runtime shows. Each program answers `fine` when its event is `fine`. */
export const failureContracts = {
  throws: "throws an error of the language with the message `Broken`",
  throwsLater: "throws it after waiting",
  throwsDeeper: "throws it in a function that the handler calls, so that two lines show",
  ownClass: "throws an error of a class of its own, `OutOfStock`",
  cause:
    "throws an error `Broken` whose cause is another, `Because`; both messages are in the stack",
  emptyMessage: "throws an error with an empty message",
  recursion: "calls itself for ever",
  cycle: "answers a structure that holds itself",
  deepResult: "answers an array in an array …, 100,000 deep",
  notANumber: "answers {a: [1, NaN]}; the message says where",
  infinity: "answers infinity",
  functionResult: "answers a function",
  setResult: "answers a set",
  exit: "exits the process with code 3 by the usual way",
  exitCaught: "exits, and catches whatever can be caught of it",
  exitHard: "ends the process by the hard way (process.abort, os._exit)",
  unhandled:
    "starts a promise or task nobody waits for, which throws `Forgotten`, and waits a second",
  hostileError: "throws an error whose message cannot be read, because reading it throws",
} as const;

/** Programs that every runtime refuses to load. */
export const loadFailureContracts = {
  syntaxError: "has a syntax error",
  throwsAtLoad: "throws while it loads, in a function that its top level calls",
  missingHandler: "defines `main` and `other`, but not `handler`",
  handlerNotFunction: "has a `handler` that is a number",
  exitsAtLoad: "exits with code 4 while it loads",
  missingModule: "imports a module that does not exist",
  recursionAtLoad: "recurses for ever while it loads",
} as const;

/** A program to load. `handler` is `handler` unless given. */
export interface Program {
  readonly code: string;
  readonly handler?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A way to write a handler: with the event `{"name": "World"}` it answers `Hello, World`. */
export interface HandlerForm extends Program {
  readonly name: string;
}

export interface FailureCase extends Program {
  readonly type: string;
  /** The whole message, or a pattern of it. */
  readonly message: string | RegExp;
  /** Lines of the user's that the stack shows, innermost first; null where there is no stack. */
  readonly lines: readonly number[] | null;
}

export interface LoadFailureCase extends Program {
  readonly type: string;
  readonly message: string | RegExp;
  readonly file: string | null;
  readonly line: number | null;
  /** Counted from 1; left out where the interpreter does not say. */
  readonly column?: number;
}

/** A case of one runtime alone. */
export interface ExtraCase {
  readonly name: string;
  /** True where the server is of no use afterwards, so that it gets one of its own. */
  readonly ownServer?: true;
  run(guest: RuntimeGuest): Promise<void>;
}

/** What one runtime brings to the suite. */
export interface RuntimeCases {
  readonly programs: Readonly<Record<keyof typeof programContracts, Program>>;
  readonly handlerForms: readonly HandlerForm[];
  readonly failures: Readonly<Record<keyof typeof failureContracts, FailureCase>>;
  /** Failures that only this runtime knows, by what they do; the same rules hold. */
  readonly furtherFailures: Readonly<Record<string, FailureCase>>;
  readonly loadFailures: Readonly<Record<keyof typeof loadFailureContracts, LoadFailureCase>>;
  readonly furtherLoadFailures: Readonly<Record<string, LoadFailureCase>>;
  readonly extras: readonly ExtraCase[];
  /** The user's line numbers in a stack, innermost first whatever order the runtime prints. */
  stackLines(stack: string): readonly number[];
  /** What no stack may show: frames of the server or the interpreter's own insides. */
  readonly foreignFrame: RegExp;
}
