import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitUntil } from "../support/wait-until.ts";
import type { Target } from "./lane.ts";

const root = join(import.meta.dirname, "../..");

/** Google's functions-framework, with the same empty function, as its users start it. */
export async function startFunctionsFramework(): Promise<Target> {
  const folder = await mkdtemp(join(tmpdir(), "firelet-bench-"));
  const source = "exports.handler = async (request, response) => { response.json(null); };\n";
  await writeFile(join(folder, "function.js"), source);
  const port = await freePort();
  const script = join(root, "node_modules/@google-cloud/functions-framework/build/src/main.js");
  const flags = [`--source=${join(folder, "function.js")}`, "--target=handler", `--port=${port}`];
  // However the run ends, the server ends with it.
  const argv = ["--pdeathsig", "KILL", process.execPath, script, ...flags];
  const env = { PATH: process.env["PATH"], NODE_ENV: "production" };
  const server = spawn("setpriv", argv, { stdio: "ignore", env });
  const exited = once(server, "exit");
  const stop = async () => {
    server.kill("SIGKILL");
    await exited;
    await rm(folder, { recursive: true });
  };
  const url = `http://127.0.0.1:${port}/`;
  try {
    await waitUntil("functions-framework answers", () => answers(url), 20_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return { name: "functions-framework", call: { url, body: "{}" }, stop };
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
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
