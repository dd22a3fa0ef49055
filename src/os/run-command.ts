import { spawn } from "node:child_process";

export interface CommandOptions {
  readonly cwd?: string;
  /** Added to this process's own environment; undefined takes a variable out of it. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** After this many milliseconds the command is killed; without it, it may take as long as it likes. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** What the command reads from its standard input; nothing without it. */
  readonly input?: string;
  /** How much of each output stream is kept, in bytes, counted from its end. Default 16 MiB. */
  readonly maxOutputBytes?: number;
  /** Exit statuses that are no failure. Default 0 alone. */
  readonly okStatuses?: readonly number[];
}

export interface CommandOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/** How long a command that was asked to end may take before it is killed. */
const killAfterMs = 2_000;
/** How much of the error output a message quotes, in characters. */
const quotedCharacters = 1_000;

/**
 * Runs a program with its arguments, never through a shell, and resolves with what it printed.
 * Rejects with an Error that ends with the end of its error output when it cannot be started,
 * fails, takes longer than `timeoutMs` or is aborted; by then it has ended.
 */
export function runCommand(
  argv: readonly [string, ...string[]],
  options: CommandOptions = {},
): Promise<CommandOutput> {
  const [program, ...args] = argv;
  const { promise, resolve, reject } = Promise.withResolvers<CommandOutput>();
  const limit = options.maxOutputBytes ?? 16 * 1024 * 1024;
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  // One that does not read all of it says why itself.
  child.stdin.on("error", () => undefined).end(options.input ?? "");
  const stdout = keepEnd(child.stdout, limit);
  const stderr = keepEnd(child.stderr, limit);

  let stopped: string | null = null;
  let killTimer: NodeJS.Timeout | undefined;
  const stop = (why: string): void => {
    stopped ??= why;
    child.kill("SIGTERM");
    killTimer ??= setTimeout(() => child.kill("SIGKILL"), killAfterMs);
  };
  const timer =
    options.timeoutMs === undefined
      ? undefined
      : setTimeout(() => stop(`it took longer than ${options.timeoutMs} ms`), options.timeoutMs);
  const abort = (): void => stop("it was cancelled");
  if (options.signal?.aborted === true) abort();
  options.signal?.addEventListener("abort", abort);
  const release = (): void => {
    clearTimeout(timer);
    clearTimeout(killTimer);
    options.signal?.removeEventListener("abort", abort);
  };

  child.once("error", (error: NodeJS.ErrnoException) => {
    release();
    const why = error.code === "ENOENT" ? "there is no such program" : error.message;
    reject(new Error(`Cannot run "${program}": ${why}`, { cause: error }));
  });
  child.once("close", (status, signal) => {
    release();
    const output = { stdout: stdout(), stderr: stderr() };
    const ok = status !== null && (options.okStatuses ?? [0]).includes(status);
    if (ok && stopped === null) return resolve(output);
    const why = stopped ?? (signal === null ? `it exited with ${status}` : `it died by ${signal}`);
    reject(new Error(commandFailure(program, why, output)));
  });
  return promise;
}

function commandFailure(program: string, why: string, output: CommandOutput): string {
  const said = (output.stderr.trim() || output.stdout.trim()).slice(-quotedCharacters);
  return `Cannot run "${program}": ${why}${said === "" ? "" : `: ${said}`}`;
}

/** Collects a stream and forgets its beginning beyond `limit` bytes. */
function keepEnd(stream: NodeJS.ReadableStream, limit: number): () => string {
  let chunks: Buffer[] = [];
  let bytes = 0;
  stream.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > 2 * limit) {
      chunks = [Buffer.concat(chunks).subarray(-limit)];
      bytes = limit;
    }
  });
  return () => Buffer.concat(chunks).subarray(-limit).toString();
}
