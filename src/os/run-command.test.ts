import assert from "node:assert/strict";
import { test } from "node:test";
import { runCommand } from "./run-command.ts";

const node = process.execPath;

test("runCommand resolves with what the program printed", async () => {
  const output = await runCommand([node, "-e", "console.log('out'); console.error('err')"]);
  assert.deepEqual(output, { stdout: "out\n", stderr: "err\n" });
});

test("runCommand hands arguments over as they are, without a shell", async () => {
  const { stdout } = await runCommand([node, "-p", "process.argv[1]", "$(id) ; `id` *"]);
  assert.equal(stdout, "$(id) ; `id` *\n");
});

test("runCommand adds to the environment and runs in the folder it is given", async () => {
  const script = "console.log(process.env.COLOUR, process.cwd(), process.env.PATH !== undefined)";
  const { stdout } = await runCommand([node, "-e", script], { env: { COLOUR: "red" }, cwd: "/" });
  assert.equal(stdout, "red / true\n");
});

test("runCommand rejects with status and error output of a program that fails", async () => {
  await assert.rejects(
    runCommand([node, "-e", "console.error('the disk is full'); process.exit(3)"]),
    { message: `Cannot run "${node}": it exited with 3: the disk is full` },
  );
});

test("runCommand takes a status for success where it is told to", async () => {
  const { stdout } = await runCommand([node, "-e", "console.log(1); process.exit(3)"], {
    okStatuses: [0, 3],
  });
  assert.equal(stdout, "1\n");
});

test("runCommand says that a program does not exist", async () => {
  await assert.rejects(runCommand(["firelet-no-such-program"]), {
    message: 'Cannot run "firelet-no-such-program": there is no such program',
  });
});

test("runCommand ends a program that takes too long, also one that ignores SIGTERM", async () => {
  const deaf = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)";
  await assert.rejects(runCommand([node, "-e", deaf], { timeoutMs: 200 }), {
    message: `Cannot run "${node}": it took longer than 200 ms`,
  });
});

test("runCommand ends a program when its signal aborts, before and while it runs", async () => {
  const wait = [node, "-e", "setInterval(() => {}, 1000)"] as const;
  const message = `Cannot run "${node}": it was cancelled`;
  await assert.rejects(runCommand(wait, { signal: AbortSignal.timeout(100) }), { message });
  await assert.rejects(runCommand(wait, { signal: AbortSignal.abort() }), { message });
});

test("runCommand keeps the end of a long output", async () => {
  const { stdout } = await runCommand(
    [node, "-e", "for (let i = 0; i < 100000; i++) console.log(i)"],
    { maxOutputBytes: 12 },
  );
  assert.equal(stdout, "99998\n99999\n");
});
