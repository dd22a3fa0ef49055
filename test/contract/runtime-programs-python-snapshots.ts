import type { SnapshotCases } from "./runtime-server-snapshots.ts";

const programs: SnapshotCases["programs"] = {
  ticks: {
    code: `import threading, time
threads, more = [], []

def tick(times):
    while True:
        time.sleep(0.002)
        times.append(time.time() * 1000)

for times in threads, more:
    threading.Thread(target=tick, args=(times,), daemon=True).start()

def handler(event):
    return [threads, more]`,
  },
  hooks: {
    code: `import asyncio, firelet, os
notes = []

def note(text):
    notes.append(text)
    print(text, os.environ.get("GREETING"))

@firelet.after_restore
async def after_1():
    await asyncio.sleep(0.02)
    note("after 1")

@firelet.before_snapshot
async def before_1():
    await asyncio.sleep(0.02)
    note("before 1")

firelet.before_snapshot(lambda: note("before 2"))
firelet.after_restore(lambda: note("after 2"))

def handler(event):
    return notes`,
  },
  failsBefore: {
    code: `def fail():
    raise Exception("Broken")

import firelet
firelet.before_snapshot(fail)

def handler(event):
    return None`,
  },
  failsAfter: {
    code: `async def fail():
    raise Exception("Broken")

import firelet
firelet.after_restore(fail)

def handler(event):
    return None`,
  },
  neverReady: {
    code: `import asyncio, firelet

@firelet.before_snapshot
@firelet.after_restore
async def wait():
    await asyncio.sleep(3600)

def handler(event):
    return None`,
  },
  waitsForGate: {
    code: `import asyncio, firelet, os

@firelet.after_restore
async def wait():
    while not os.path.exists(os.environ["GATE"]):
        await asyncio.sleep(0.005)

def handler(event):
    return "open"`,
  },
  noFunction: {
    code: `import firelet
firelet.after_restore(7)

def handler(event):
    return None`,
  },
};

/** What the Python runtime brings to the suite of snapshots. */
export const pythonSnapshots: SnapshotCases = { programs, extras: [], plainError: "Exception" };
