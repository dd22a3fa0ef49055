import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { StartedServer } from "./runtime-guest.ts";

const listening = /^runtime-server: listening on (.+):(\d+)$/m;

/** A runtime server as a plain child process, with its process for tests of start and end. */
export interface ServerProcess extends StartedServer {
  readonly child: ChildProcess;
}

/** What a server is started with beside its command. */
export interface ProcessOptions {
  readonly host?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Starts `argv` in an empty folder on a free port of `host`, and resolves when the server says
 * that it listens. Rejects with its output where it ends before that.
 */
export async function startRuntimeProcess(
  argv: readonly [string, ...string[]],
  { host = "127.0.0.1", env = {} }: ProcessOptions = {},
): Promise<ServerProcess> {
  const [command, ...args] = argv;
  const cwd = await mkdtemp(join(tmpdir(), "firelet-runtime-"));
  const child = spawn(command, args, {
    cwd,
    env: { PATH: process.env.PATH, FIRELET_LISTEN: `${host}:0`, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    await rm(cwd, { recursive: true, force: true });
  };
  const { promise, resolve, reject } = Promise.withResolvers<ServerProcess>();
  const read = (chunk: string) => {
    output += chunk;
    const match = listening.exec(output);
    if (!match) return;
    const address = { host: String(match[1]), port: Number(match[2]) };
    resolve({ child, address, readConsole: async () => output, stop });
  };
  child.stdout.setEncoding("utf8").on("data", read);
  child.stderr.setEncoding("utf8").on("data", read);
  child.on("error", reject);
  child.on("exit", (code, signal) => {
    reject(new Error(`Cannot start ${command}: it ended with ${code ?? signal}: ${output}`));
  });
  try {
    return await promise;
  } catch (error) {
    await stop();
    throw error;
  }
}
