import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestManager, type ManagerOptions } from "../support/manager.ts";
import { sharedTestImages } from "../support/vm-images.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Something that runs the empty function behind HTTP. */
export interface Subject {
  readonly name: string;
  /** Where a POST runs the function. */
  readonly url: string;
  readonly body: string;
  stop(): Promise<void>;
}

const root = join(import.meta.dirname, "../..");

const emptyFunctions = {
  node: "async function handler() { return null; }",
  python: "def handler(event):\n    return None\n",
};

/** A manager of that driver, over HTTP, as its users call it. */
export async function startFirelet(
  driver: "process" | "qemu",
  runtime: "node" | "python",
): Promise<Subject> {
  const manager = await TestManager.start(await managerOptions(driver));
  const item = await manager.deploy({ name: "empty", runtime, code: emptyFunctions[runtime] });
  if (item.last_error !== null) throw new Error(item.last_error);
  return {
    name: `firelet ${driver} ${runtime}`,
    url: `${manager.url}/v1/functions/${item.id}/invoke`,
    body: '{"event":{}}',
    stop: async () => void (await manager.stop()),
  };
}

export async function managerOptions(driver: "process" | "qemu"): Promise<ManagerOptions> {
  return driver === "qemu" ? { driver, images: await sharedTestImages() } : { driver };
}

/** Google's functions-framework, with the same empty function, as its users start it. */
export async function startFunctionsFramework(): Promise<Subject> {
  const folder = await mkdtemp(join(tmpdir(), "firelet-bench-"));
  const source = "exports.handler = async (request, response) => { response.json(null); };\n";
  await writeFile(join(folder, "function.js"), source);
  const port = await freePort();
  const server = spawn(
    process.execPath,
    [
      join(root, "node_modules/@google-cloud/functions-framework/build/src/main.js"),
      `--source=${join(folder, "function.js")}`,
      "--target=handler",
      `--port=${port}`,
    ],
    { stdio: "ignore", env: { PATH: process.env["PATH"], NODE_ENV: "production" } },
  );
  const url = `http://127.0.0.1:${port}/`;
  await waitUntil("functions-framework answers", () => answers(url), 20_000);
  return {
    name: "functions-framework",
    url,
    body: "{}",
    async stop() {
      server.kill("SIGKILL");
      await rm(folder, { recursive: true });
    },
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { method: "POST" });
    return answer.ok;
  } catch {
    // Not listening yet.
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
