import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { FunctionItem } from "../../src/api/functions.ts";
import type { InvokeResponse } from "../../src/api/invocations.ts";
import { ApiError } from "../../src/client/client.ts";
import { TestManager, type ManagerOptions } from "../support/manager.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Does to its own VM what it is told to. */
const sources = {
  node: `const fs = require("fs");
const { spawn } = require("child_process");
const kept = [];
async function handler(event) {
  if (event.do === "memory") for (;;) kept.push(Buffer.alloc(1 << 20, 1));
  if (event.do === "fork") {
    spawn("/bin/sh", ["-c", "bomb() { bomb | bomb & }; bomb"], { stdio: "ignore" });
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  }
  if (event.do === "fill") {
    const file = fs.openSync(event.folder + "/filler", "w");
    const block = Buffer.alloc(1 << 20, 1);
    console.log("filling");
    for (;;) fs.writeSync(file, block);
  }
  if (event.do === "empty") fs.unlinkSync(event.folder + "/filler");
  if (event.do === "print") for (let n = 0; n < event.lines; n += 1) console.log("x".repeat(1023));
  if (event.do === "flood") {
    const flood = setInterval(() => console.log("y".repeat(100_000)), 1);
    setTimeout(() => clearInterval(flood), event.ms);
  }
  console.log("served");
  return event.n ?? null;
}`,
  python: `import os, subprocess, threading, time
kept = []
def flood(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        print("y" * 100_000)
def handler(event):
    what = event.get("do")
    while what == "memory":
        kept.append(b"x" * (1 << 20))
    if what == "fork":
        subprocess.Popen(["/bin/sh", "-c", "bomb() { bomb | bomb & }; bomb"])
        time.sleep(60)
    if what == "fill":
        print("filling")
        with open(event["folder"] + "/filler", "wb", buffering=0) as file:
            while True:
                file.write(b"x" * (1 << 20))
    if what == "empty":
        os.unlink(event["folder"] + "/filler")
    if what == "print":
        for _ in range(event["lines"]):
            print("x" * 1023)
    if what == "flood":
        threading.Thread(target=flood, args=(event["ms"] / 1000,), daemon=True).start()
    print("served")
    return event.get("n")
`,
} as const;

/** What became of a call: its status, or the HTTP status and code where it had no result. */
async function outcomeOf(call: Promise<InvokeResponse>): Promise<string> {
  try {
    return (await call).status;
  } catch (error) {
    if (error instanceof ApiError) return `${error.status} ${error.code}`;
    throw error;
  }
}

/** Invokes a function 30 times a second, to see whether it suffers from what another one does. */
class Neighbour {
  readonly failed: string[] = [];
  readonly #calls: Promise<void>[] = [];
  readonly #clock: NodeJS.Timeout;

  constructor({ client }: TestManager, id: string) {
    const invoke = async () => {
      const outcome = await outcomeOf(client.invokeFunction(id));
      if (outcome !== "success") this.failed.push(outcome);
    };
    this.#clock = setInterval(() => this.#calls.push(invoke()), 33);
  }

  async stop(): Promise<void> {
    clearInterval(this.#clock);
    await Promise.all(this.#calls);
  }
}

/** What a function that takes more than it is given does to itself, and not to others. */
export function limitsSuite(options: ManagerOptions): void {
  describe(`functions at their limits on the ${options.driver} driver`, () => {
    let manager: TestManager;
    let neighbourId = "";
    const victims = new Map<string, FunctionItem>();

    before(async () => {
      manager = await TestManager.start(options);
      const deploy = (name: string, runtime: "node" | "python", timeout: number) =>
        manager.deploy({ name, runtime, code: sources[runtime], timeout_seconds: timeout });
      const items = await Promise.all([
        deploy("neighbour", "python", 30),
        deploy("greedy-node", "node", 8),
        deploy("greedy-python", "python", 8),
      ]);
      for (const item of items) assert.equal(item.last_error, null);
      neighbourId = items[0]?.id ?? "";
      victims.set("node", items[1] ?? assert.fail()).set("python", items[2] ?? assert.fail());
    });
    after(() => manager.stop());

    /** Does `what`, while a neighbour is invoked that must not notice. */
    const besideNeighbour = async (what: () => Promise<void>) => {
      const neighbour = new Neighbour(manager, neighbourId);
      try {
        await what();
      } finally {
        await neighbour.stop();
      }
      assert.deepEqual(neighbour.failed, []);
    };

    for (const runtime of ["node", "python"] as const) {
      const invoke = (event: object) =>
        manager.client.invokeFunction(victims.get(runtime)?.id ?? "", event);

      it(`replaces the VM of a ${runtime} function that retains memory until there is none`, async () => {
        const first = await invoke({});
        await besideNeighbour(async () => {
          // A VM that only thrashed would still do so when its time is over.
          assert.equal(await outcomeOf(invoke({ do: "memory" })), "502 vm_lost");
          const next = await invoke({ n: 1 });
          assert.deepEqual([next.status, next.response], ["success", 1]);
          assert.notEqual(next.vm_id, first.vm_id);
        });
      });

      it(`serves a ${runtime} function again that started processes without end`, async () => {
        const { vm_id } = await invoke({});
        await besideNeighbour(async () => {
          const outcome = await outcomeOf(invoke({ do: "fork" }));
          assert.ok(["502 vm_lost", "timeout"].includes(outcome), outcome);
          // A VM that still answers its manager is kept, and may need one more timeout to be lost.
          const serves = async () => (await outcomeOf(invoke({ n: 1 }))) === "success";
          await waitUntil("the function serves", serves, 20_000);
        });
        // What may go on in that VM is nothing for the tests that follow.
        const last = await invoke({}).catch(() => null);
        if (last?.vm_id === vm_id) await manager.client.deleteVm(vm_id ?? "");
      });

      it(`answers a ${runtime} function that fills its file system with its own error`, async () => {
        const first = await invoke({ n: 0 });
        await besideNeighbour(async () => {
          for (const folder of ["/tmp", "/home/function"]) {
            const full = await invoke({ do: "fill", folder });
            assert.equal(full.status, "error");
            assert.match(full.error ?? "", /ENOSPC|No space left on device/);
            assert.deepEqual(full.logs, ["filling"]);
            const next = await invoke({ n: 1 });
            assert.deepEqual([next.response, next.logs], [1, ["served"]]);
            await invoke({ do: "empty", folder });
            assert.equal(next.vm_id, first.vm_id);
          }
        });
      });

      it(`cuts what a ${runtime} function prints, in an invocation and outside`, async () => {
        const { vm_id } = await invoke({});
        await besideNeighbour(async () => {
          const { logs, status } = await invoke({ do: "print", lines: 10 * 1024 });
          assert.equal(status, "success");
          assert.equal(logs.at(-1), "[firelet] logs cut at 262144 bytes");
          assert.equal(logs.length, 257);
          await invoke({ do: "flood", ms: 2_000 });
          const isFlooded = async () =>
            (await manager.client.readVmConsole(vm_id ?? "")).includes("y".repeat(1_000));
          await waitUntil("the flood is on the console", isFlooded, 10_000);
          const next = await invoke({ n: 1 });
          assert.deepEqual([next.response, next.vm_id], [1, vm_id]);
          const log = join(manager.dataDir, "vms", vm_id ?? "", "console.log");
          const sizes = await Promise.all([sizeOf(log), sizeOf(`${log}.1`)]);
          assert.ok(sizes[0] + sizes[1] <= 2 ** 20, `${sizes.join(" + ")} bytes of console`);
        });
      });
    }
  });
}

function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}
