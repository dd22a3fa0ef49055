import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Duplex, Readable, Writable } from "node:stream";

export interface ChildOptions {
  readonly cwd: string;
  /** All of the child's environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Open descriptors, which the child finds as 3, 4 and so on; after its channel, where it has one. */
  readonly descriptors?: readonly number[];
  /** Whether the child finds one end of a socket as descriptor 3; `Child.channel` is the other. */
  readonly channel?: boolean;
  /**
   * Whether the child reads what `Child.write` writes, or the open descriptor that it reads; it
   * finds an empty input otherwise.
   */
  readonly input?: boolean | number;
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A program that was started; it leads a process group of its own, which ends when it does. */
export interface Child {
  readonly pid: number;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly channel: Duplex | null;
  /** Resolves, never rejects, when the program has ended. Its output may still be coming in. */
  readonly exited: Promise<ChildExit>;
  /** Writes to its standard input. Rejects with the system's error where it has gone. */
  write(data: Uint8Array): Promise<void>;
  /**
   * Ends the program and everything in its group: SIGTERM, then SIGKILL after `graceMs`, or for
   * the others as soon as the program has ended.
   * Resolves when it has ended. Repeatable.
   */
  stop(graceMs: number): Promise<ChildExit>;
}

/** The program ended before it was ready. */
export class ChildEndedError extends Error {
  override readonly name = "ChildEndedError";
  readonly exit: ChildExit;

  constructor(exit: ChildExit) {
    super(`it ended ${describeExit(exit)}`);
    this.exit = exit;
  }
}

/** For people: `with status 1`, `by SIGKILL`. */
export function describeExit({ code, signal }: ChildExit): string {
  return signal === null ? `with status ${code}` : `by ${signal}`;
}

/** Starts `argv`, without a shell. Rejects with the system's error where that cannot be started. */
export async function startChild(
  argv: readonly [string, ...string[]],
  { cwd, env, descriptors = [], channel = false, input = false }: ChildOptions,
): Promise<Child> {
  const [command, ...args] = argv;
  const child = spawn(command, args, {
    cwd,
    env,
    // A group of its own: Ctrl-C on the manager's terminal is for the manager alone.
    detached: true,
    stdio: [
      typeof input === "number" ? input : input ? "pipe" : "ignore",
      "pipe",
      "pipe",
      ...(channel ? ["pipe" as const] : []),
      ...descriptors,
    ],
  });
  const exited = new Promise<ChildExit>((resolve) => {
    child.once("exit", (code, signal) => {
      // What the program started may live on, and keeps its number from others until it ends.
      if (child.pid !== undefined) signalGroup(child.pid, "SIGKILL");
      resolve({ code, signal });
    });
  });
  await once(child, "spawn");
  const { pid, stdin, stdout, stderr } = child;
  // Whoever writes hears of it; between two writes it says nothing that `exited` does not.
  stdin?.on("error", () => undefined);
  const duplex = channel ? (child.stdio[3] as Duplex) : null;
  duplex?.on("error", () => undefined);
  if (pid === undefined || stdout === null || stderr === null) {
    throw new Error(`Cannot start ${command}: it has no process id or no output`);
  }
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  const stop = async (graceMs: number) => {
    if (!isRunning()) return exited;
    signalGroup(pid, "SIGTERM");
    const force = setTimeout(() => signalGroup(pid, "SIGKILL"), graceMs);
    const exit = await exited;
    clearTimeout(force);
    return exit;
  };
  const write = (data: Uint8Array) => writeTo(stdin, data);
  return { pid, stdout, stderr, channel: duplex, exited, write, stop };
}

function writeTo(input: Writable | null, data: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    if (input === null) return reject(new Error("The program reads no input"));
    input.write(data, (error) => (error ? reject(error) : resolve()));
  });
}

/**
 * Resolves as `becomeReady` does. Where the program ends first, aborts what `becomeReady` waits
 * for and rejects with `ChildEndedError`; where `signal` aborts first, rejects with its reason.
 */
export async function readyBeforeExit<T>(
  child: Pick<Child, "exited">,
  becomeReady: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const ended = new AbortController();
  void child.exited.then((exit) => ended.abort(new ChildEndedError(exit)));
  const either = AbortSignal.any([signal, ended.signal]);
  try {
    return await becomeReady(either);
  } catch (error) {
    either.throwIfAborted();
    throw error;
  }
}

function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch (error) {
    // ESRCH: the whole group has ended already. EPERM: what is left of it has become another user's.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}
