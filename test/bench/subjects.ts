import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
