import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { on } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { WebSocket } from "ws";
import type { VmFiguresItem, VmItem } from "../../src/api/vms.ts";
import { TestManager, type ManagerOptions } from "../support/manager.ts";
import { TerminalSession } from "../support/terminal-session.ts";
import { webTerminals } from "../support/web-terminals.ts";

const fixtures = join(import.meta.dirname, "../fixtures/specification");
const run = promisify(execFile);

/** A printed program, as it stands. */
const program = (name: string) => readFile(join(fixtures, name), "utf8");

/** The specification's commands and programs, to the letter, against a manager of one driver. */
export function specificationSuite(options: ManagerOptions): void {
  describe(`the specification on the ${options.driver} driver`, () => {
    let manager: TestManager;
    let curlHome: string;

    before(async () => {
      manager = await TestManager.start(options);
      // The commands name port 18080, which a test may not take: curl goes where it is told.
      curlHome = await mkdtemp(join(tmpdir(), "firelet-curl-"));
      const { host } = new URL(manager.url);
      const address = host.split(":");
      const redirect = `silent\nconnect-to = "localhost:18080:${address[0]}:${address[1]}"\n`;
      await writeFile(join(curlHome, ".curlrc"), redirect);
    });
    after(async () => {
      await manager.stop();
      await rm(curlHome, { recursive: true });
    });

    const bash = async (commands: string, functionId = "") => {
      const { stdout } = await run("bash", ["-c", commands], {
        env: { ...process.env, CURL_HOME: curlHome, HOME: curlHome, FUNCTION_ID: functionId },
        timeout: 120_000,
      });
      return stdout;
    };
    /** Runs a printed block of commands as it stands. */
    const paste = async (name: string, functionId?: string) =>
      bash(await program(name), functionId);
    /** Runs one with the VM's id and address filled in. */
    const pasteAbout = async ({ id, guest_ip: ip }: VmItem, name: string) =>
      JSON.parse(
        await bash((await program(name)).replace("{vm_id}", id).replace("{guest_ip}", ip ?? "")),
      );
    const pasteJson = async (name: string, functionId = "") =>
      JSON.parse(await paste(name, functionId));
    const deploy = (name: string, runtime: string, code: string) =>
      manager.deploy({ name, runtime, code });
    /** Where a printed WebSocket of a VM really is. */
    const socketUrl = (vm: VmItem, printed: string) =>
      printed
        .trim()
        .replace("{vm_id}", vm.id)
        .replace("localhost:18080", new URL(manager.url).host);

    it("creates, polls, gets, lists, updates, invokes, reads logs and deletes as printed", async () => {
      const { id, ...rest } = await pasteJson("create.sh");
      assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      assert.deepEqual(rest, {});

      const polled = (await paste("poll.sh", id)).trim().split("\n");
      assert.equal(polled.at(-1), "Function is ready!");
      const states = new Set(
        polled.slice(0, -1).map((line) => line.replace("Current state: ", "")),
      );
      const lifecycle = ["creating", "booting", "deploying", "ready"];
      assert.ok([...states].every((state) => lifecycle.includes(state)));

      const item = await manager.client.getFunction(id);
      assert.deepEqual(
        [item.name, item.runtime, item.handler, item.timeout_seconds, item.memory_mb, item.vcpu],
        ["hello-nodejs", "node", "handler", 30, 256, 1],
      );
      assert.equal(item.port, 3000);
      assert.match(item.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
      const health = await run("curl", ["-s", `http://${item.guest_ip}:3000/health`]);
      assert.equal(JSON.parse(health.stdout).codeLoaded, true);

      const { items } = await pasteJson("list.sh");
      assert.deepEqual(
        items.map((listed: { id: string }) => listed.id),
        [id],
      );
      const { items: vms } = await pasteJson("vms.sh");
      assert.deepEqual(
        vms.map(({ name }: { name: string }) => name),
        [`fn-hello-nodejs-${id.slice(0, 8)}`],
      );

      await paste("update.sh", id);
      await manager.settled(id);
      const reply = await pasteJson("invoke.sh", id);
      assert.deepEqual(
        [reply.status, reply.response, reply.logs],
        [
          "success",
          { message: "UPDATED CODE!", version: 2, input: { name: "World", test: 123 } },
          [],
        ],
      );
      assert.ok(Number.isInteger(reply.duration_ms));

      const { items: logs } = await pasteJson("logs.sh", id);
      assert.deepEqual(
        [logs.length, logs[0].request_id, logs[0].function_id, logs[0].status],
        [1, reply.request_id, id, "success"],
      );
      assert.deepEqual(await pasteJson("delete.sh", id), { message: "Function deleted" });
      await assert.rejects(manager.client.getFunction(id), { status: 404 });
    });

    it("shows the function's VM as printed, and its metrics as they are", async () => {
      const { id } = await deploy("hello-world", "node", await program("node-function.js"));
      const { items } = await pasteJson("vms.sh");
      const vm = items.find(({ function_id: of }: VmItem) => of === id) as VmItem;
      assert.equal(vm.name, `fn-hello-world-${id.slice(0, 8)}`);
      const { item } = await pasteAbout(vm, "vm.sh");
      assert.deepEqual([item.id, item.guest_ip], [vm.id, vm.guest_ip]);
      assert.equal((await pasteAbout(vm, "health.sh")).codeLoaded, true);

      const { driver } = options;
      const socket = new WebSocket(socketUrl(vm, await program("metrics-ws.txt")));
      const frames: VmFiguresItem[] = [];
      for await (const [data] of on(socket, "message", { signal: AbortSignal.timeout(30_000) })) {
        const frame = JSON.parse(String(data)) as VmFiguresItem;
        // A guest that is busy may miss a frame.
        if (driver !== "process" && frame.guest === null) continue;
        if (frames.push(frame) === 3) break;
      }
      socket.close();
      for (const frame of frames) {
        assert.equal(frame.vm_id, vm.id);
        assert.ok(frame.memory_used_bytes > 2 ** 20);
        assert.ok(frame.memory_used_bytes < frame.memory_total_bytes);
        assert.ok(frame.cpu_usage_percent >= 0 && frame.vmm.memory_bytes > 2 ** 20);
        assert.equal(frame.guest === null, driver === "process");
        assert.equal(frame.network_in_bytes === null, driver === "process");
        assert.equal(frame.disk_read_bytes === null, driver === "process");
      }
      await manager.client.deleteFunction(id);
    });

    it("has a shell in the VM for the printed checks of the runtime server", async () => {
      const { id } = await deploy("hello-shell", "python", await program("python-function.py"));
      const { items } = await pasteJson("vms.sh");
      const vm = items.find(({ function_id: of }: VmItem) => of === id) as VmItem;
      if (options.driver === "process") {
        assert.equal((await pasteAbout(vm, "shell.sh")).code, "no_shell");
        return;
      }
      const { username, password, ws_url: wsUrl } = await pasteAbout(vm, "shell.sh");
      const session = new TerminalSession(webTerminals(socketUrl(vm, wsUrl)), { limitMs: 60_000 });
      await session.until(" login: ");
      await session.type(`${username}\n`);
      await session.until("Password: ");
      await session.type(`${password}\n`);
      const [status, log] = (await program("shell-checks.sh"))
        .split("\n")
        .filter((line) => /^[^#]/.test(line));
      assert.equal(await session.run(status ?? ""), " * status: started\n");
      assert.match(await session.run(log ?? ""), /^runtime-server: listening on 0\.0\.0\.0:3000\n/);
      await session.type("exit\n");
      assert.equal(await session.end(), 0);
    });

    it("answers an unknown function with 404 and an error message", async () => {
      const answer = JSON.parse(await paste("get.sh"));
      assert.match(answer.error, /^Function not found/);
    });

    it("runs the frontend's complete workflow", async () => {
      const printed: string[] = [];
      const log = (...words: unknown[]) => printed.push(words.map(String).join(" "));
      const localFetch = (url: string, init?: RequestInit) =>
        fetch(url.replace("http://localhost:18080", manager.url), init);
      const source = await program("workflow.js");
      const AsyncFunction = (async () => undefined).constructor as FunctionConstructor;
      await AsyncFunction("fetch", "console", source)(localFetch, { log, error: log });
      assert.match(printed[0] ?? "", /^Function created: /);
      assert.ok(printed.includes("Deployment status: ready"), printed.join("\n"));
      assert.equal(printed.at(-1), "Function result: [object Object]");
      const reply = await manager.client.invokeFunction("my-function", {
        name: "World",
        value: 123,
      });
      assert.deepEqual(reply.response, { message: "Hello!", input: { name: "World", value: 123 } });
    });

    it("runs the Node.js example, with its placeholder filled in", async () => {
      const code = `const someAsyncOperation = async () => 42;\n${await program("node-function.js")}`;
      const item = await deploy("node-example", "node", code);
      const reply = await manager.client.invokeFunction(item.id, { name: "Ada", value: 1 });
      assert.equal(reply.status, "success", reply.error);
      const { timestamp, ...response } = reply.response as { timestamp: string };
      assert.deepEqual(response, { message: "Hello, Ada!", result: 42 });
      assert.ok(Math.abs(Date.parse(timestamp) - Date.now()) < 60_000);
    });

    it("loads the HTTP example, which says why it may not reach out", async () => {
      const item = await deploy("http-example", "node", await program("http-request.js"));
      assert.equal(item.last_error, null);
      const url = "https://127.0.0.1:9/";
      const reply = await manager.client.invokeFunction(item.id, { url });
      assert.deepEqual([reply.status, reply.error_type], ["error", "Error"]);
      assert.match(reply.error ?? "", /ECONNREFUSED/);
    });

    it("runs the Python example as printed, though it imports nothing", async () => {
      const item = await deploy("python-example", "python", await program("python-function.py"));
      const reply = await manager.client.invokeFunction(item.id, { name: "Ada", value: 21 });
      assert.equal(reply.status, "success", reply.error);
      const { timestamp, ...response } = reply.response as { timestamp: string };
      assert.deepEqual(response, { message: "Hello, Ada!", value: 42 });
      assert.match(timestamp, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/);
    });

    it("runs the Python data processing example", async () => {
      const item = await deploy("data-example", "python", await program("data-processing.py"));
      const numbers = await manager.client.invokeFunction(item.id, { numbers: [1, 2, 3, 6] });
      assert.deepEqual(numbers.response, { sum: 12, avg: 3, max: 6, min: 1 });
      const none = await manager.client.invokeFunction(item.id, {});
      assert.deepEqual(none.response, { sum: 0, avg: 0, max: null, min: null });
    });
  });
}
