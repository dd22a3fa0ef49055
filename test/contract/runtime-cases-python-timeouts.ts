import assert from "node:assert/strict";

import type { ReplyBody, RuntimeGuest } from "../support/runtime-guest.ts";
import { waitUntil } from "../support/wait-until.ts";
import type { ExtraCase } from "./runtime-cases.ts";

/** Runs into the limit of 100 ms and checks that the answer comes in time. */
async function timeOut(guest: RuntimeGuest, event: unknown = {}): Promise<ReplyBody> {
  const timeoutMs = 100 * guest.slowFactor;
  const reply = await guest.invoke(event, { timeoutMs });
  assert.equal(reply.status, "timeout", JSON.stringify(reply));
  assert.ok(reply.duration_ms <= timeoutMs + 250 * guest.slowFactor, `${reply.duration_ms} ms`);
  return reply;
}

async function staysInUse(guest: RuntimeGuest): Promise<void> {
  await guest.deploy({ code: "async def handler(event):\n    return event\n" });
  assert.notEqual((await guest.invoke("on")).replace, true);
  await guest.deploy({ code: "def handler(event):\n    return event\n" });
  assert.notEqual((await guest.invoke("on")).replace, true);
}

const catching = `
import threading

stopped = threading.Event()

def handler(event):
    if event == "stopped":
        return stopped.wait(5)
    try:
        while True:
            pass
    finally:
        stopped.set()
`;

const stubborn = `
def handler(event):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
`;

const twoInOneLoop = `
import asyncio
import time

async def handler(event):
    if event == "block":
        time.sleep(1)
    await asyncio.sleep(0.2)
    return event
`;

/** What becomes of code that runs out of time. */
export const pythonTimeouts: readonly ExtraCase[] = [
  {
    name: "interrupts a thread that computes at its limit",
    async run(guest) {
      await guest.deploy({ code: catching });
      assert.notEqual((await timeOut(guest)).replace, true);
      assert.equal(await guest.ask("stopped"), true);
      await staysInUse(guest);
    },
  },
  {
    name: "interrupts a coroutine that computes without awaiting",
    async run(guest) {
      await guest.deploy({ code: "async def handler(event):\n    while True:\n        pass\n" });
      assert.notEqual((await timeOut(guest)).replace, true);
      await staysInUse(guest);
    },
  },
  {
    name: "cancels a coroutine that waits, and leaves one that will not have it",
    async run(guest) {
      const code = `
import asyncio
async def handler(event):
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        print("cancelled " + event)
        await asyncio.sleep(60)
`;
      await guest.deploy({ code });
      assert.notEqual((await timeOut(guest, "by its limit")).replace, true);
      await staysInUse(guest);
    },
  },
  {
    name: "asks to be replaced when a computing thread cannot be stopped",
    ownServer: true,
    async run(guest) {
      await guest.deploy({ code: stubborn });
      assert.equal((await timeOut(guest)).replace, true);
      await guest.deploy({ code: "def handler(event):\n    return event\n" });
      const reply = await guest.invoke("still");
      assert.deepEqual([reply.response, reply.replace], ["still", true]);
      assert.equal((await guest.request("GET", "/health")).body.replace, true);
    },
  },
  {
    name: "asks to be replaced while a coroutine blocks the event loop, and answers the others",
    ownServer: true,
    async run(guest) {
      await guest.deploy({ code: twoInOneLoop });
      const blocked = timeOut(guest, "block");
      assert.equal((await blocked).replace, true);
      assert.equal(await guest.ask("next"), "next");
      const replace = async () => (await guest.request("GET", "/health")).body.replace !== true;
      await waitUntil("the loop to go on", replace, 5000 * guest.slowFactor);
    },
  },
  {
    name: "answers the other coroutines of a blocked event loop at their limits",
    ownServer: true,
    async run(guest) {
      await guest.deploy({ code: twoInOneLoop });
      const others = Array.from({ length: 5 }, () => timeOut(guest, "wait"));
      const blocked = guest.invoke("block", { timeoutMs: 5000 * guest.slowFactor });
      for (const reply of await Promise.all(others)) assert.equal(reply.status, "timeout");
      assert.equal((await blocked).response, "block");
    },
  },
  {
    name: "holds 500 blocking threads at once and answers each at its limit",
    async run(guest) {
      await guest.deploy({
        code: "import time\ndef handler(event):\n    time.sleep(1)\n    return 'slept'\n",
      });
      const calls = Array.from({ length: 500 }, () => guest.ask());
      assert.deepEqual(new Set(await Promise.all(calls)), new Set(["slept"]));
    },
  },
  {
    name: "gives up loads that compute for ever when the caller closes the connection",
    async run(guest) {
      const signal = AbortSignal.timeout(200 * guest.slowFactor);
      const load = guest.load({ code: "while True:\n    pass\n" }, { signal });
      await assert.rejects(load, { name: "AbortError" });
      await staysInUse(guest);
    },
  },
];
