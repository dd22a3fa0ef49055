import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FireletClient } from "../../src/client/client.ts";
import { messageOf } from "../../src/core/errors.ts";
import type { FunctionItem } from "../../src/api/functions.ts";
import type { DriverKind } from "../../src/core/vm.ts";
import { within } from "./network-world.ts";
import { type Reach, reachNamespace } from "./reach-namespace.ts";
import { unwatchAnswers, watchAnswers } from "./watch-answers.ts";
import { waitUntil } from "./wait-until.ts";

const root = join(import.meta.dirname, "../..");

export interface ManagerOptions {
  readonly driver: DriverKind;
  /** Kept when the manager stops; a temporary one, removed at the end, unless given. */
  readonly dataDir?: string;
  /** A folder of built images to share; needed but for `process`. */
  readonly images?: string;
  /** The path of a network namespace to run in; that of the test unless given. */
  readonly namespace?: string;
  /** Whether answers are compared with its OpenAPI document; they are unless this is false. */
  readonly watched?: boolean;
  /** A free one unless given. */
  readonly port?: number;
  /** Settings beside those, as variables of its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** How many times longer than usual it may take to start, and functions to be deployed; 1 unless given. */
  readonly slowFactor?: number;
}

/** How long a manager may take to start, or a function to be deployed. */
const usualLimitMs = 60_000;

/**
 * Base snapshots that no test may come to would only take the processors from those that run.
 * Functions that connect to nothing leave this host as it is: it need not pass packets on for them.
 */
const defaults = { NO_COLOR: "1", FIRELET_SNAPSHOTS_PREPARE: "false", FIRELET_EGRESS: "none" };

/** A manager as users start it: a process of its own, on a free port. */
export class TestManager {
  readonly url: string;
  readonly client: FireletClient;
  readonly dataDir: string;
  readonly #process: ChildProcess;
  readonly #reach: Reach | undefined;
  readonly #output: () => string;
  readonly #removeData: boolean;
  readonly #limitMs: number;

  private constructor(
    child: ChildProcess,
    place: Pick<TestManager, "url" | "dataDir"> & {
      readonly reach: Reach | undefined;
      readonly removeData: boolean;
      readonly limitMs: number;
    },
    output: () => string,
  ) {
    this.#process = child;
    this.url = place.url;
    this.dataDir = place.dataDir;
    this.#reach = place.reach;
    this.#removeData = place.removeData;
    this.#limitMs = place.limitMs;
    this.#output = output;
    this.client = new FireletClient(place.url);
  }

  static async start(options: ManagerOptions): Promise<TestManager> {
    const dataDir = options.dataDir ?? (await temporaryData());
    if (options.images !== undefined) await linkImages(dataDir, options.images);
    const script = join(root, "src/cli-main.ts");
    const port = String(options.port ?? 0);
    const flags = ["--driver", options.driver, "--port", port, "--data", dataDir, "--yes"];
    const node = [process.execPath, "--disable-warning=ExperimentalWarning"];
    // However the test ends, its manager ends with it.
    const into = options.namespace === undefined ? [] : within(options.namespace);
    const command = [...into, "setpriv", "--pdeathsig", "KILL", ...node, script, "up", ...flags];
    const child = spawn(command[0]!, command.slice(1), {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...defaults, ...options.env },
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    }
    const limitMs = usualLimitMs * (options.slowFactor ?? 1);
    const { url, reach } = await listening(child, () => output, options.namespace, limitMs).catch(
      (error: unknown) => {
        child.kill("SIGKILL");
        throw new Error(`No manager: ${messageOf(error)}; it said: ${output}`, { cause: error });
      },
    );
    if (options.watched !== false) await watchAnswers(url);
    const place = { url, reach, dataDir, removeData: options.dataDir === undefined, limitMs };
    return new TestManager(child, place, () => output);
  }

  /** Everything that it has printed. */
  get output(): string {
    return this.#output();
  }

  get pid(): number {
    return this.#process.pid ?? -1;
  }

  /** Ends it as an operator would; resolves to its exit status. */
  async stop(): Promise<number | null> {
    const status = await this.#end("SIGTERM");
    if (this.#removeData) await rm(this.dataDir, { recursive: true, force: true });
    const problems = await unwatchAnswers(this.url);
    assert.deepEqual(problems, [], "answers were not as the OpenAPI document says");
    return status;
  }

  /** Ends it as a power cut would. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
    await unwatchAnswers(this.url);
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    await this.#reach?.[Symbol.asyncDispose]();
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null) return exitCode;
    this.#process.kill(signal);
    await once(this.#process, "exit");
    return this.#process.exitCode;
  }

  /** Creates a function and waits until its deploy has ended, well or not. */
  async deploy(
    request: Parameters<FireletClient["createFunction"]>[0],
    limitMs = this.#limitMs,
  ): Promise<FunctionItem> {
    const { id } = await this.client.createFunction(request);
    return this.settled(id, limitMs);
  }

  /** Waits until the newest revision of a function serves, or its deploy has failed. */
  async settled(id: string, limitMs = this.#limitMs): Promise<FunctionItem> {
    let item = await this.client.getFunction(id);
    await waitUntil(
      `function ${item.name} settles`,
      async () => {
        item = await this.client.getFunction(id);
        return item.state === "error" || item.last_error !== null || isCurrent(item);
      },
      limitMs,
    );
    return item;
  }
}

function isCurrent(item: FunctionItem): boolean {
  return item.state === "ready" && item.deployed_revision === item.revision;
}

/** A data folder for a test, which removes it. Other users may pass through, as VMs have to. */
export async function temporaryData(): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), "firelet-e2e-"));
  await chmod(dataDir, 0o711);
  return dataDir;
}

async function linkImages(dataDir: string, images: string): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  await symlink(images, join(dataDir, "images")).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}

/** Where a manager listens, once it answers; through `reach` where it is in another namespace. */
async function listening(
  child: ChildProcess,
  output: () => string,
  namespace: string | undefined,
  limitMs: number,
): Promise<{ url: string; reach: Reach | undefined }> {
  let url: string | undefined;
  let reach: Reach | undefined;
  await waitUntil(
    "the manager listens",
    async () => {
      if (child.exitCode !== null) throw new Error(`The manager ended: ${output()}`);
      const [said, port] = /http:\/\/127\.0\.0\.1:(\d+)/.exec(output()) ?? [];
      if (said === undefined) return false;
      if (namespace !== undefined) reach ??= await reachNamespace(namespace, Number(port));
      url = reach === undefined ? said : `http://127.0.0.1:${reach.port}`;
      return isHealthy(url);
    },
    limitMs,
  );
  return { url: url ?? "", reach };
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health`)).ok;
  } catch {
    // It has said where it will listen, and does not yet.
    return false;
  }
}
