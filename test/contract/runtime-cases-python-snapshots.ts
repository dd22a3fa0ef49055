import assert from "node:assert/strict";
import { once } from "node:events";

import { clockBackMessage } from "../../src/runtime/wake-message.ts";
import type { Reply } from "../support/runtime-guest.ts";
import type { ServerProcess } from "../support/runtime-process.ts";
import type { SnapshotExtra } from "./runtime-server-snapshots.ts";
import { passTime } from "../support/wait-until.ts";
import type { WakeableGuest } from "../support/wakeable-guest.ts";

/** Computes, waits and awaits without end; tells of each how it passed its longest pause. */
const restless = `
import asyncio, random, threading, time

random.seed(7)
expected = random.Random(7)
now = time.monotonic
draws, waits, awaits = [(now(), True, now())], [now()], [now()]
task = None

def compute():
    while True:
        draws.append((now(), random.random() == expected.random(), now()))

def wait():
    while True:
        waits.append(now())
        time.sleep(0.001)

async def loop():
    while True:
        awaits.append(now())
        await asyncio.sleep(0.001)

threading.Thread(target=compute, daemon=True).start()
threading.Thread(target=wait, daemon=True).start()

def longest_pause(times):
    return max(after - before for before, after in zip(times, times[1:]))

async def handler(event):
    global task
    task = task or asyncio.create_task(loop())
    counts = [len(times) + 5 for times in (draws, waits, awaits)]
    while any(len(times) < count for times, count in zip((draws, waits, awaits), counts)):
        await asyncio.sleep(0.001)
    drawn = draws.copy()
    fresh = [same for begun, same, ended in drawn].index(False) if event == "woken" else 1
    between = drawn[fresh][2] - drawn[fresh - 1][0]
    return [1000 * pause for pause in (between, longest_pause(waits), longest_pause(awaits))]
`;

const stillness: readonly SnapshotExtra[] = [
  {
    name: "lets no thread or task run before it has seeded what they share",
    async run(guest) {
      await guest.deploy({ code: restless });
      await guest.ask();
      const frozen = guest.control("freeze");
      // It stands still from here on, so that no code sees the clock that is set back.
      await passTime(600);
      await guest.tell(clockBackMessage());
      await frozen;
      await passTime(400);
      await guest.wake();
      // Between the last draw that could be foretold and the first that could not, and so on.
      const pauses: readonly number[] = await guest.ask("woken");
      assert.equal(pauses.length, 3);
      for (const pauseMs of pauses) assert.ok(pauseMs > 700, `${pauseMs} ms`);
    },
  },
  {
    name: "is woken by no signal",
    async run(guest) {
      await guest.deploy({ code: "def handler(event):\n    return event\n" });
      const { child } = guest.server as ServerProcess;
      const send = async () => {
        for (const signal of ["SIGALRM", "SIGUSR1", "SIGHUP", "SIGINT"] as const)
          child.kill(signal);
        await passTime(30);
      };
      const frozen = guest.control("freeze");
      await guest.tell(clockBackMessage().subarray(0, 7));
      await send();
      await guest.tell(clockBackMessage().subarray(7));
      assert.equal((await frozen).status, 200);
      await send();
      guest.disconnect();
      const early = guest.ask("early");
      assert.equal(await Promise.race([early, passTime(200).then(() => "frozen")]), "frozen");
      await guest.wake();
      assert.equal(await early, "early");
    },
  },
  // The moment between its reply and its read is short, and one of these times is in it.
  ...Array.from({ length: 12 }, (_, time) => ({
    name: `is ended by SIGTERM ${20 * time} µs after its reply`,
    async run(guest: WakeableGuest) {
      // So there is a thread beside the one that reads, which the kernel may give the signal to.
      await guest.deploy({ code: "def handler(event):\n    return event\n" });
      const { child } = guest.server as ServerProcess;
      await guest.freeze();
      const exit = once(child, "exit");
      const due = performance.now() + 0.02 * time;
      while (performance.now() < due);
      child.kill("SIGTERM");
      assert.deepEqual(await exit, [null, "SIGTERM"]);
    },
  })),
  {
    name: "ends by SIGTERM with status 0 once it was woken",
    async run(guest) {
      const { child } = guest.server as ServerProcess;
      await guest.restore();
      const exit = once(child, "exit");
      child.kill("SIGTERM");
      assert.deepEqual(await exit, [0, null]);
    },
  },
  {
    name: "keeps the channel from functions and their children",
    async run(guest) {
      const code = `
import os, subprocess
def handler(event):
    child = subprocess.run(["env"], capture_output=True, text=True, check=True).stdout
    return ["PATH=" in child, "FIRELET" in child, *(name for name in os.environ if "FIRELET" in name)]
`;
      await guest.deploy({ code });
      assert.deepEqual(await guest.ask(), [true, false]);
    },
  },
];

/** Each draws by a name that was bound while loading, and knows what would come next. */
const bound = `
import random, tempfile, uuid
from random import gauss, random as draw

random.seed(7)
gauss(0, 1)
unwoken = random.Random(7)
unwoken.gauss(0, 1)
expected = [unwoken.gauss(0, 1), unwoken.random()]

names = tempfile._get_candidate_names()
names.rng.seed(7)
name = next(names)
names.rng.seed(7)

node = uuid.getnode()

def handler(event):
    drawn = [gauss(0, 1) == expected[0], draw() == expected[1]]
    drawn_node = uuid.uuid1().node
    return {
        "gauss": drawn[0],
        "draw": drawn[1],
        "name": next(names) == name,
        "node": drawn_node == node,
        "random_node": drawn_node == uuid.getnode() and drawn_node >> 40 & 1,
    }
`;

const randomness: readonly SnapshotExtra[] = [
  {
    name: "draws on where it was not frozen",
    async run(guest) {
      await guest.deploy({ code: bound });
      const foretold = { gauss: true, draw: true, name: true, node: true, random_node: 1 };
      assert.deepEqual(await guest.ask(), foretold);
    },
  },
  {
    name: "seeds what draws by a name of its own, by gauss, by tempfile and by uuid",
    async run(guest) {
      await guest.deploy({ code: bound });
      assert.equal((await guest.restore()).status, 200);
      const fresh = { gauss: false, draw: false, name: false, node: false, random_node: 1 };
      assert.deepEqual(await guest.ask(), fresh);
    },
  },
  {
    name: "draws a node for uuid also where that is imported after the wake",
    async run(guest) {
      const code = `
def handler(event):
    import uuid
    return [uuid.uuid1().node >> 40 & 1, uuid.uuid1().node == uuid.getnode()]
`;
      await guest.deploy({ code });
      assert.equal((await guest.restore()).status, 200);
      assert.deepEqual(await guest.ask(), [1, true]);
    },
  },
  {
    name: "freezes with OpenSSL and sqlite in use and modules in disorder, again and again",
    async run(guest) {
      const code = `
import random, sqlite3, ssl, sys, tempfile
ssl.RAND_bytes(1)
db = sqlite3.connect(":memory:", check_same_thread=False)
db.execute("SELECT random()")
random._inst = tempfile._name_sequence = sys.modules["uuid"] = 7
def handler(event):
    return [len(ssl.RAND_bytes(3)), len(db.execute("SELECT random()").fetchone())]
`;
      await guest.deploy({ code });
      for (let count = 0; count < 3; count += 1) {
        assert.equal((await guest.restore()).status, 200);
        assert.deepEqual(await guest.ask(), [3, 1]);
      }
    },
  },
];

const mixed = `
import asyncio
import firelet
from firelet import after_restore

calls = []

@after_restore
def first():
    calls.append("first")
    print("no newline", end="")

@after_restore
async def second():
    await asyncio.sleep(0.001)
    calls.append(["second", id(asyncio.get_running_loop())])

class Third:
    def __call__(self):
        calls.append("third")

third = Third()
assert after_restore(third) is third

async def handler(event):
    return [calls, id(asyncio.get_running_loop())]
`;

const hooks: readonly SnapshotExtra[] = [
  {
    name: "runs functions, coroutines and other callables, coroutines on the handlers' loop",
    async run(guest) {
      await guest.deploy({ code: mixed });
      assert.equal((await guest.restore()).status, 200);
      const [calls, loop] = await guest.ask();
      assert.deepEqual(calls, ["first", ["second", loop], "third"]);
      await guest.untilOnConsole("no newline\n");
      assert.equal((await guest.restore()).status, 200);
      assert.deepEqual((await guest.ask())[0], [...calls, ...calls]);
    },
  },
  {
    name: "registers nothing once the code has loaded, in no thread of the load either",
    async run(guest) {
      const code = `
import threading
import firelet
loaded, refusals = threading.Event(), []
def register():
    loaded.wait()
    try:
        firelet.after_restore(print)
    except RuntimeError as error:
        refusals.append(str(error))
thread = threading.Thread(target=register)
thread.start()
def handler(event):
    loaded.set()
    thread.join()
    register()
    return refusals
`;
      await guest.deploy({ code });
      const refusal = "firelet.after_restore is for code that loads";
      assert.deepEqual(await guest.ask(), [refusal, refusal]);
    },
  },
];

const failures: Readonly<Record<string, readonly [string, string, RegExp]>> = {
  "a coroutine's exception": [
    `async def fail():\n    await asyncio.sleep(0.001)\n    raise KeyError("Gone")`,
    "KeyError",
    /^KeyError: 'Gone'$/,
  ],
  "sys.exit": ["def fail():\n    sys.exit(3)", "FunctionExit", /code 3/],
  "os._exit": ["def fail():\n    os._exit(4)", "FunctionExit", /code 4/],
  "the exit of a fork": [
    `def fail():\n    if os.fork(): os.wait(); raise OSError("Parent")`,
    "OSError",
    /Parent/,
  ],
};

function failing(event: string, body: string): string {
  return `
import asyncio, firelet, os, sys, time
firelet.${event}(lambda: print("began"))
@firelet.${event}
${body}
@firelet.${event}
def never():
    if os.getpid() == pid: print("went on")
pid = os.getpid()
def handler(event):
    return "fine"
`;
}

function assertFailure({ status, body }: Reply, type: string, message: RegExp): void {
  const { error, ...rest } = body;
  assert.deepEqual([status, rest], [422, { status: "failed", logs: [] }]);
  assert.equal(error.type, type);
  assert.match(error.message, message);
  assert.equal(error.file, "handler.py");
  assert.doesNotMatch(String(error.stack), /server\.py/);
}

const failingHooks = Object.entries(failures).map(
  ([what, [body, type, message]]): SnapshotExtra => ({
    name: `answers 422 to ${what}, before a snapshot and after a restore`,
    async run(guest) {
      await guest.deploy({ code: failing("before_snapshot", body) });
      assertFailure(await guest.control("quiesce"), type, message);
      await guest.deploy({ code: failing("after_restore", body) });
      assertFailure(await guest.restore(), type, message);
      await guest.untilOnConsole("began\nbegan\n");
      assert.doesNotMatch(
        await guest.server.readConsole(),
        /went on|runtime-server: (?!listening)/,
      );
    },
  }),
);

const slow: Readonly<Record<string, string>> = {
  computes: "def slow():\n    while True: pass",
  "computes in a coroutine": "async def slow():\n    while True: pass",
};

const slowHooks = Object.entries(slow).map(([what, body]): SnapshotExtra => ({
  name: `ends code at 10 s that ${what} before a snapshot, and serves on`,
  async run(guest) {
    await guest.deploy({ code: failing("before_snapshot", body) });
    const began = performance.now();
    assertFailure(await guest.control("quiesce"), "Timeout", /within 10 s$/);
    const seconds = (performance.now() - began) / 1000;
    assert.ok(seconds > 9.9 && seconds < 15, `took ${seconds} s`);
    assert.equal(await guest.ask(), "fine");
    assert.doesNotMatch(await guest.server.readConsole(), /went on/);
  },
}));

/** What only Python promises of standing still and waking. */
export const pythonSnapshotExtras: readonly SnapshotExtra[] = [
  ...slowHooks,
  ...stillness,
  ...randomness,
  ...hooks,
  ...failingHooks,
];
