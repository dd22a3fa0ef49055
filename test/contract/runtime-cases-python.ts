import type { Program, RuntimeCases } from "./runtime-cases.ts";
import { pythonExtras } from "./runtime-cases-python-extras.ts";
import {
  pythonFailures,
  pythonFurtherFailures,
  pythonFurtherLoadFailures,
  pythonLoadFailures,
} from "./runtime-cases-python-failures.ts";

const userFrame = /File "\/function\/[\w.]+\.py", line (\d+)/g;

/** What each program of the contract looks like in Python. */
const programs: Readonly<Record<keyof RuntimeCases["programs"], Program>> = {
  echo: { code: "def handler(event):\n    return event\n" },
  nothing: { code: "async def handler(event):\n    pass\n" },
  context: {
    code: `
def handler(event, context):
    names = ("request_id", "function_name", "revision", "memory_mb", "deadline_ms",
             "aws_request_id", "memory_limit_in_mb", "traceparent")
    fields = {name: getattr(context, name) for name in names}
    return {**fields, "remaining_ms": context.get_remaining_time_in_millis()}
`,
  },
  counter: {
    code: `
count = 0

def handler(event):
    global count
    count += 1
    return count
`,
  },
  environment: {
    code: `
import os
import subprocess
import sys

at_load = os.environ.get("GREETING")

def handler(event):
    script = "import json, os; print(json.dumps(os.environ.get('GREETING')))"
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    return {
        "now": os.getenv("GREETING"),
        "at_load": at_load,
        "path": "PATH" in os.environ,
        "child": __import__("json").loads(child.stdout),
    }
`,
  },
  slowEnvironment: {
    code: `
import asyncio
import os

async def handler(event):
    before = os.environ["GREETING"]
    await asyncio.sleep(event["ms"] / 1000)
    return [before, os.environ["GREETING"]]
`,
  },
  changeEnvironment: {
    code: `
import os

def handler(event):
    os.environ["GREETING"] = event["to"]
    return os.environ["GREETING"]
`,
  },
  sleep: {
    code: `
import asyncio

async def handler(event):
    await asyncio.sleep(event["ms"] / 1000)
    return "slept"
`,
  },
  logOwnId: {
    code: `
import asyncio

async def handler(event, context):
    for i in range(event["times"]):
        await asyncio.sleep(0.001)
        print(context.request_id, i)
    return context.request_id
`,
  },
  logOwnIdBlocking: {
    code: `
import time

def handler(event, context):
    for i in range(event["times"]):
        time.sleep(0.001)
        print(context.request_id, i)
    return context.request_id
`,
  },
  streams: {
    code: `
import logging
import sys

def handler(event):
    print("one")
    sys.stdout.write("two\\n")
    sys.stderr.write("three\\n")
    logging.getLogger("shop").warning("%s", "four")
    sys.stdout.write("fi")
    sys.stdout.write("ve")
`,
  },
  unicode: {
    code: `
import sys

def handler(event):
    for byte in "grüße 🌍\\n".encode():
        sys.stdout.buffer.write(bytes([byte]))
`,
  },
  emptyLines: { code: 'def handler(event):\n    print("a\\n\\nb")\n' },
  threadLog: {
    code: `
import threading

def handler(event):
    thread = threading.Thread(target=print, args=("from a thread",))
    thread.start()
    thread.join()
`,
  },
  flood: {
    code: `
def handler(event):
    for _ in range(event["lines"]):
        print("x" * 63)
    return "flooded"
`,
  },
  hugeLine: {
    code: 'def handler(event):\n    print("y" * event["bytes"])\n    return "flooded"\n',
  },
  late: {
    code: `
import threading

def handler(event):
    threading.Timer(0.05, print, args=(f"late {event['id']}",)).start()
    return "early"
`,
  },
  lateFailure: {
    code: `
import asyncio

async def fail(event):
    await asyncio.sleep(0.05)
    raise ValueError(f"late {event['id']}")

async def handler(event):
    asyncio.create_task(fail(event))
    return "early"
`,
  },
  // A plain def: at its timeout it is abandoned, where a coroutine is cancelled.
  afterTimeout: {
    code: `
import time

def handler(event):
    time.sleep(event["ms"] / 1000)
    print(f"overdue {event['id']}")
    return "slept"
`,
  },
  logThenSleep: {
    code: `
import time

def handler(event):
    print("before")
    time.sleep(event["ms"] / 1000)
    return "slept"
`,
  },
  big: { code: 'def handler(event):\n    return event["text"] * event["times"]\n' },
  ballast: {
    code: `
ballast = bytearray(b"x" * (8 * 1024 * 1024))

def handler(event):
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096
`,
  },
  logsWhileLoading: {
    code: 'print("loading")\n\ndef handler(event):\n    return "loaded"\n',
  },
  loadsForever: { code: "import threading\n\nthreading.Event().wait()\n" },
};

const greet = `f"Hello, {event['name']}"`;

/** Python's part of the runtime contract. */
export const pythonCases: RuntimeCases = {
  programs,
  handlerForms: [
    { name: "a def", code: `def handler(event):\n    return ${greet}\n` },
    { name: "an async def", code: `async def handler(event):\n    return ${greet}\n` },
    { name: "a def with a context", code: `def handler(event, context):\n    return ${greet}\n` },
    {
      name: "a def of a module's name",
      code: `def main(event):\n    return ${greet}\n`,
      handler: "app.main",
    },
    {
      name: "a module with the name of one in the standard library",
      code: `import json\n\ndef main(event):\n    return json.loads(json.dumps(${greet}))\n`,
      handler: "json.main",
    },
    { name: "a lambda", code: `handler = lambda event: ${greet}\n` },
    {
      name: "an object that can be called",
      code: `class Greeter:\n    def __call__(self, event):\n        return ${greet}\n\nhandler = Greeter()\n`,
    },
    {
      name: "a bound coroutine method",
      code: `class Greeter:\n    async def greet(self, event, context):\n        return ${greet}\n\nhandler = Greeter().greet\n`,
    },
    {
      name: "a functools.partial",
      code: `from functools import partial\n\ndef greet(hello, event):\n    return hello + ${greet}[5:]\n\nhandler = partial(greet, "Hello")\n`,
    },
    {
      name: "a decorated def of one argument",
      code: `from functools import wraps\n\ndef logged(function):\n    @wraps(function)\n    def wrapper(*args, **kwargs):\n        return function(*args, **kwargs)\n    return wrapper\n\n@logged\ndef handler(event):\n    return ${greet}\n`,
    },
    {
      name: "a def that returns a coroutine",
      code: `async def greet(event):\n    return ${greet}\n\ndef handler(event):\n    return greet(event)\n`,
    },
    {
      name: "imports from __future__",
      code: `from __future__ import annotations\n\ndef handler(event: Unknown):\n    return ${greet}\n`,
    },
    {
      name: "dataclasses and pickle, which look the module up",
      code: `import pickle\nfrom dataclasses import dataclass\n\n@dataclass\nclass Greeting:\n    text: str\n\ndef handler(event):\n    return pickle.loads(pickle.dumps(Greeting(${greet}))).text\n`,
    },
    {
      name: "a main guard, which does not run",
      code: `def handler(event):\n    return ${greet}\n\nif __name__ == "__main__":\n    raise SystemExit(1)\n`,
    },
    {
      name: "the specification's use of datetime without an import",
      code: `def handler(event):\n    return ${greet} if str(datetime.now()) else None\n`,
    },
    {
      name: "an import of the module datetime",
      code: `import datetime\n\ndef handler(event):\n    return ${greet} if datetime.timedelta(1) else None\n`,
    },
    {
      name: "an event loop of its own, the way of scripts",
      code: `import asyncio\n\nasync def greet(event):\n    await asyncio.sleep(0)\n    return ${greet}\n\ndef handler(event):\n    loop = asyncio.get_event_loop()\n    return loop.run_until_complete(greet(event))\n`,
    },
  ],
  failures: pythonFailures,
  furtherFailures: pythonFurtherFailures,
  loadFailures: pythonLoadFailures,
  furtherLoadFailures: pythonFurtherLoadFailures,
  extras: pythonExtras,
  // Python prints the innermost frame last, and an exception's cause above it.
  stackLines: (stack) =>
    [...stack.matchAll(userFrame)].map((match) => Number(match[1])).toReversed(),
  foreignFrame: /server\.py|importlib|runpy/,
};
