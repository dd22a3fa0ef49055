import assert from "node:assert/strict";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";

import { waitUntil } from "../../test/support/wait-until.ts";
import { ChildEndedError, readyBeforeExit, startChild } from "./child-process.ts";

const options = { cwd: "/", env: { PATH: process.env["PATH"] ?? "" } };
const node = (code: string) => startChild([process.execPath, "-e", code], options);
const never = AbortSignal.any([]);

/** Resolves when the child has said something. */
const speaks = (child: Awaited<ReturnType<typeof node>>) => once(child.stdout, "data");

/** Resolves when process `pid` has ended, buried or not. */
function untilEnded(pid: number): Promise<void> {
  return waitUntil(`process ${pid} has ended`, () => {
    try {
      return /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
    } catch {
      return true;
    }
  });
}

describe("startChild", () => {
  it("gives a program its arguments as they are, its folder and exactly its environment", async () => {
    const code = "console.log(JSON.stringify([process.argv[1], process.cwd(), process.env]))";
    const child = await startChild([process.execPath, "-e", code, "$(id) ;"], {
      cwd: "/tmp",
      env: { ONLY: "this" },
    });
    const [said] = await Promise.all([text(child.stdout), text(child.stderr)]);
    assert.deepEqual(JSON.parse(said), ["$(id) ;", "/tmp", { ONLY: "this" }]);
    assert.deepEqual(await child.exited, { code: 0, signal: null });
  });

  it("rejects where there is no such program", async () => {
    await assert.rejects(startChild(["/nonexistent"], options), { code: "ENOENT" });
  });

  it("hands on open descriptors", async () => {
    const file = openSync("/proc/self/comm", "r");
    const expected = readFileSync("/proc/self/comm", "utf8");
    const child = await startChild(["cat", "/proc/self/fd/3"], { ...options, descriptors: [file] });
    closeSync(file);
    child.stderr.resume();
    assert.equal(await text(child.stdout), expected);
  });
});

describe("write", () => {
  it("gives a program that reads its input all of it", async () => {
    const child = await startChild(["head", "-c", "200000"], { ...options, input: true });
    child.stderr.resume();
    const said = text(child.stdout);
    await Promise.all(["a", "b"].map((letter) => child.write(Buffer.alloc(100_000, letter))));
    assert.equal(await said, "a".repeat(100_000) + "b".repeat(100_000));
  });

  it("rejects where the program has closed its input, has ended, or reads none", async () => {
    const deaf = await startChild(["sh", "-c", "exec <&-; echo; exec sleep 60"], {
      ...options,
      input: true,
    });
    await speaks(deaf);
    await assert.rejects(deaf.write(Buffer.from("x")), { code: "EPIPE" });
    await deaf.stop(10_000);
    await assert.rejects(deaf.write(Buffer.from("x")), Error);
    const without = await startChild(["true"], options);
    await assert.rejects(without.write(Buffer.from("x")), /reads no input/);
    await without.exited;
  });
});

describe("stop", () => {
  it("ends a program by SIGTERM, and resolves again for one that has ended", async () => {
    const child = await node("console.log(1); setInterval(() => {}, 1000)");
    await speaks(child);
    assert.deepEqual(await child.stop(10_000), { code: null, signal: "SIGTERM" });
    assert.deepEqual(await child.stop(10_000), { code: null, signal: "SIGTERM" });
  });

  it("kills a program that does not heed SIGTERM", async () => {
    const child = await node(
      "process.on('SIGTERM', () => {}); console.log(1); setInterval(() => {}, 1000)",
    );
    await speaks(child);
    assert.deepEqual(await child.stop(50), { code: null, signal: "SIGKILL" });
  });

  it("ends what the program started, too", async () => {
    const child = await startChild(["sh", "-c", "trap '' TERM; sleep 60 & echo $!; wait"], options);
    const [line] = (await speaks(child)) as [Buffer];
    await child.stop(50);
    await untilEnded(Number(line));
  });

  it("has nothing left to end where the program ended by itself, nor what it started", async () => {
    const child = await startChild(["sh", "-c", "trap '' TERM; sleep 60 & echo $!"], options);
    const [line] = (await speaks(child)) as [Buffer];
    assert.deepEqual(await child.exited, { code: 0, signal: null });
    await untilEnded(Number(line));
    assert.deepEqual(await child.stop(50), { code: 0, signal: null });
  });
});

describe("readyBeforeExit", () => {
  it("resolves as what it waits for", async () => {
    const child = await node("setInterval(() => {}, 1000)");
    assert.equal(await readyBeforeExit(child, async () => 42, never), 42);
    await child.stop(0);
  });

  it("rejects when the program ends first, and ends the waiting", async () => {
    const child = await node("process.exit(7)");
    let reason: unknown;
    const waiting = readyBeforeExit(
      child,
      (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject((reason = signal.reason)));
        }),
      never,
    );
    await assert.rejects(waiting, ChildEndedError);
    await assert.rejects(waiting, { message: "it ended with status 7" });
    assert.ok(reason instanceof ChildEndedError);
  });

  it("rejects with the signal's reason, and leaves the program to its owner", async () => {
    const child = await node("setInterval(() => {}, 1000)");
    const why = new Error("enough");
    const abort = new AbortController();
    const waiting = readyBeforeExit(
      child,
      (signal) => once(signal, "abort").then(() => Promise.reject(new Error("interrupted"))),
      abort.signal,
    );
    abort.abort(why);
    await assert.rejects(waiting, why);
    assert.deepEqual(await child.stop(10_000), { code: null, signal: "SIGTERM" });
  });
});
