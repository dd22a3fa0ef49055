import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import type { RuntimeGuest } from "../support/runtime-guest.ts";
import { waitUntil } from "../support/wait-until.ts";
import type { ExtraCase } from "./runtime-cases.ts";
import { pythonTimeouts } from "./runtime-cases-python-timeouts.ts";

/** Deploys `code` and answers the response to `event`, with what was logged. */
async function run(guest: RuntimeGuest, code: string, event: unknown = {}) {
  await guest.deploy({ code });
  const reply = await guest.invoke(event);
  assert.equal(reply.status, "success", `${reply.error}\n${reply.stack}`);
  return { response: reply.response, logs: reply.logs };
}

async function onConsole(guest: RuntimeGuest, text: string): Promise<void> {
  const seen = async () => (await guest.server.readConsole()).includes(text);
  await waitUntil(`"${text}" on the console`, seen, 5000 * guest.slowFactor);
}

const inheritance = `
import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor

pool = ThreadPoolExecutor(4)

async def handler(name):
    loop = asyncio.get_running_loop()
    print(name, "handler")
    await asyncio.to_thread(print, name, "to_thread")
    await loop.run_in_executor(None, print, name, "run_in_executor")
    await asyncio.wrap_future(pool.submit(print, name, "submit"))
    await asyncio.create_task(task(name))
    loop.call_soon(print, name, "call_soon")
    await asyncio.sleep(0.01)
    thread = threading.Thread(target=nested, args=(name,))
    thread.start()
    while thread.is_alive():
        await asyncio.sleep(0.001)

async def task(name):
    print(name, "task")

def nested(name):
    thread = threading.Thread(target=lambda: print(name, "nested"))
    thread.start()
    thread.join()
`;

const kinds = "handler to_thread run_in_executor submit task call_soon nested".split(" ");

const logCases: readonly ExtraCase[] = [
  {
    name: "gives threads, executors, tasks and callbacks the invocation that started them",
    async run(guest) {
      await guest.deploy({ code: inheritance });
      const names = Array.from({ length: 30 }, (_, at) => `n${at}`);
      const replies = await Promise.all(names.map((name) => guest.invoke(name)));
      for (const [at, { logs }] of replies.entries()) {
        assert.deepEqual(
          logs,
          kinds.map((kind) => `n${at} ${kind}`),
        );
      }
    },
  },
  {
    name: "logs at WARNING and above by itself, and what a function sets up",
    async run(guest) {
      const code = `
import logging
def handler(event):
    logging.getLogger("a").info("not shown")
    logging.getLogger("a").warning("shown")
    quiet = logging.getLogger("b")
    quiet.setLevel(logging.INFO)
    quiet.info("asked for")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    logging.info("formatted")
`;
      const { logs } = await run(guest, code);
      assert.deepEqual(logs, ["shown", "asked for", "INFO formatted"]);
      // The root logger keeps the handler that revision gave it.
      await run(guest, "import logging\nlogging.getLogger().handlers.clear()\nhandler = print");
    },
  },
  {
    name: "logs the traceback of a thread that dies",
    async run(guest) {
      const code = `
import threading
def fail():
    raise ValueError("in a thread")
def handler(event):
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    return "on"
`;
      const { logs, response } = await run(guest, code);
      assert.equal(response, "on");
      assert.equal(logs.at(-1), "ValueError: in a thread");
      assert.doesNotMatch(logs.join("\n"), /server\.py/);
    },
  },
  {
    name: "goes on where the function closes or replaces its streams",
    async run(guest) {
      const code = `
import io, sys
def handler(event):
    print("one")
    sys.stdout.close()
    print("two")
    sys.stdout.write = None
    sys.stdout = io.TextIOWrapper(sys.stderr.buffer)
    print("three")
    sys.stderr = None
`;
      const first = await run(guest, code);
      assert.deepEqual(first.logs, ["one", "two", "three"]);
      const next = 'import sys\ndef handler(event):\n    print("a"); print("b", file=sys.stderr)';
      assert.deepEqual((await run(guest, next)).logs, ["a", "b"]);
    },
  },
  {
    name: "keeps redirect_stdout to the invocation that uses it",
    async run(guest) {
      await guest.deploy({
        code: `
import contextlib, io, time
def handler(name):
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        for _ in range(5):
            print(name)
            time.sleep(0.005)
    print("after")
    return text.getvalue()
`,
      });
      const names = Array.from({ length: 10 }, (_, at) => `n${at}`);
      const replies = await Promise.all(names.map((name) => guest.invoke(name)));
      for (const [at, { logs, response }] of replies.entries()) {
        assert.equal(response, `n${at}\n`.repeat(5));
        assert.deepEqual(logs, ["after"]);
      }
    },
  },
  {
    name: "sends what child processes write to the console",
    async run(guest) {
      const id = randomUUID();
      const code = `
import multiprocessing, os, subprocess
def work(text):
    print("pool", text)
    return text
def handler(id):
    subprocess.run(["echo", "child " + id])
    os.write(1, f"raw {id}\\n".encode())
    pid = os.fork()
    if pid == 0:
        print("forked", id)
        return "never"
    os.waitpid(pid, 0)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.map(work, [id])
`;
      const { response, logs } = await run(guest, code, id);
      assert.deepEqual(response, [id]);
      assert.deepEqual(logs, []);
      for (const kind of ["child", "raw", "forked", "pool"])
        await onConsole(guest, `${kind} ${id}\n`);
      assert.equal((await guest.request("GET", "/health")).body.status, "ok");
    },
  },
];

const surroundingCases: readonly ExtraCase[] = [
  {
    name: "keeps context variables and decimal precision from loading on, and each invocation's own",
    async run(guest) {
      await guest.deploy({
        code: `
import contextvars, decimal
decimal.getcontext().prec = 5
seen = contextvars.ContextVar("seen", default=0)
seen.set(1)
def handler(event):
    seen.set(seen.get() + 1)
    return [seen.get(), str(decimal.Decimal(1) / 3)]
`,
      });
      for (let count = 0; count < 3; count += 1) {
        assert.deepEqual(await guest.ask(), [2, "0.33333"]);
      }
    },
  },
  {
    name: "gives os.system, multiprocessing and the time zone the revision's environment",
    async run(guest) {
      const code = `
import os, time
def handler(event):
    return [os.system('test "$COLOUR" = green'), time.strftime("%H", time.localtime(0))]
`;
      await guest.deploy({ code, env: { COLOUR: "green", TZ: "Asia/Tokyo" } });
      assert.deepEqual(await guest.ask(), [0, "09"]);
      await guest.deploy({ code });
      assert.deepEqual(await guest.ask(), [256, "00"]);
    },
  },
  {
    name: "works like a mapping in os.environ, bytes too",
    async run(guest) {
      const code = `
import os
def handler(event):
    os.environ["A"] = "grün"
    del os.environ["B"]
    os.environ.setdefault("C", "c")
    return [os.environb[b"A"].decode(), "B" in os.environ, sorted(set(os.environ) & set("ABC")),
            os.environ.copy()["C"], os.environ.pop("A"), os.getenv("A")]
`;
      await guest.deploy({ code, env: { B: "b" } });
      assert.deepEqual(await guest.ask(), ["grün", false, ["A", "C"], "c", "grün", null]);
    },
  },
  {
    name: "lets sys.exit be caught, as Python does",
    async run(guest) {
      const code = `
import sys
def handler(event):
    try:
        sys.exit(3)
    except SystemExit as leaving:
        return leaving.code
`;
      assert.equal((await run(guest, code)).response, 3);
    },
  },
  {
    name: "writes tuples, number keys and enums as json.dumps does",
    async run(guest) {
      const code = `
import enum, json
class Colour(enum.IntEnum):
    GREEN = 3
def handler(event):
    value = {1: (1, 2), 2.5: None, True: Colour.GREEN, None: "grün \\ud800"}
    return [value, json.loads(json.dumps(value)) == json.loads(json.dumps(value))]
`;
      const expected = { "1": 3, "2.5": null, null: "grün \ud800" };
      assert.deepEqual((await run(guest, code)).response, [expected, true]);
    },
  },
  {
    name: "goes on where the function has patched what everything relies on",
    ownServer: true,
    async run(guest) {
      const code = `
import builtins, codecs, gc, json, logging, signal, sys, threading, time, traceback
def broken(*args, **options):
    raise RuntimeError("Patched")
def handler(event):
    json.dumps = json.loads = json.JSONEncoder.encode = broken
    time.time = time.monotonic = time.perf_counter = time.sleep = broken
    traceback.format_exc = traceback.TracebackException = broken
    logging.Logger.warning = threading.Thread.start = gc.collect = broken
    sys.stdout = sys.stderr = sys.excepthook = sys.unraisablehook = None
    sys.setrecursionlimit(10**9)
    signal.alarm(1)
    builtins.print = builtins.len = builtins.isinstance = builtins.str = broken
    return event
`;
      const { response } = await run(guest, code, "patched");
      assert.equal(response, "patched");
      await guest.deploy({ code: "def handler(event):\n    return event\n" });
      assert.equal(await guest.ask("still"), "still");
      await guest.deploy({ code: "def handler(event):\n    raise event\n" });
      assert.equal((await guest.invoke("text")).error_type, "TypeError");
      assert.equal((await guest.request("GET", "/health")).body.status, "ok");
    },
  },
];

/** What only Python promises. */
export const pythonExtras: readonly ExtraCase[] = [
  ...logCases,
  ...surroundingCases,
  ...pythonTimeouts,
];
