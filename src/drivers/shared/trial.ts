import { chown, type FileHandle, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { finished } from "node:stream/promises";

import { messageOf } from "../../core/errors.ts";
import { ChildEndedError, readyBeforeExit, startChild } from "../../os/child-process.ts";
import { OutputTail } from "./output-tail.ts";
import { confined, type VmUser } from "./vm-user.ts";

/** Kernel and initramfs of a guest that `firelet.probe` makes say that it runs. */
export interface ProbeImage {
  readonly kernel: string;
  readonly initramfs: string;
}

const probeMark = "FIRELET-PROBE-OK";

/** Nothing was decided in time: the guest may start another time, on a host that is less busy. */
export class TrialTimeoutError extends Error {
  override readonly name = "TrialTimeoutError";
}

type Argv = readonly [string, ...string[]];

/** A VMM that is started to see whether it works. */
export interface Trial {
  /** The program and its arguments, or what makes them for its working folder. */
  readonly argv: Argv | ((folder: string) => Promise<Argv>);
  readonly user: VmUser | null;
  readonly limitMs: number;
  /** The folder that its working folder is made in; one for temporary files unless told. */
  readonly under?: string;
  /** What it finds in its working folder. */
  readonly contents?: Readonly<Record<string, string | Uint8Array>>;
  /** What it finds as descriptors from 3 on; closed when this is over. */
  readonly files?: readonly FileHandle[];
}

type Proof<T> = (folder: string, console: OutputTail, signal: AbortSignal) => Promise<T>;

/**
 * Starts a VMM as it would be for a function, and leaves nothing of it when `proof` is done. Rejects
 * with its own words where it ends before, and with `TrialTimeoutError`.
 */
export async function tryOut<T>(trial: Trial, proof: Proof<T>): Promise<T> {
  const { user, limitMs, contents = {}, files = [], under = tmpdir() } = trial;
  await using undo = new AsyncDisposableStack();
  for (const file of files) undo.defer(() => file.close());
  const folder = await mkdtemp(join(under, "firelet-probe-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const names = Object.keys(contents);
  await Promise.all(names.map((name) => writeFile(join(folder, name), contents[name] ?? "")));
  if (user !== null) {
    const paths = [folder, ...names.map((name) => join(folder, name))];
    await Promise.all(paths.map((path) => chown(path, user.uid, user.gid)));
  }

  const argv = typeof trial.argv === "function" ? await trial.argv(folder) : trial.argv;
  const env = { PATH: process.env["PATH"] ?? "" };
  const descriptors = files.map((file) => file.fd);
  const child = await startChild(confined(argv, user), { cwd: folder, env, descriptors });
  undo.defer(async () => void (await child.stop(0)));
  const limit = AbortSignal.timeout(limitMs);
  const [console, errors] = [tailOf(child.stdout), tailOf(child.stderr)];
  try {
    return await readyBeforeExit(child, (signal) => proof(folder, console, signal), limit);
  } catch (error) {
    // Its last words may still be on their way.
    if (error instanceof ChildEndedError) await finished(child.stderr);
    const why = limit.aborted ? `no guest started within ${limitMs / 1000} s` : messageOf(error);
    const words = errors.lastLines(400).replaceAll("\n", "; ");
    const message = words === "" ? why : `${why}: ${words}`;
    const Failure = limit.aborted ? TrialTimeoutError : Error;
    throw new Failure(message, { cause: error });
  }
}

/** The proof that a kernel has got to its first program. */
export async function kernelStarted(
  _folder: string,
  console: OutputTail,
  signal: AbortSignal,
): Promise<void> {
  const aborted = new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
  await Promise.race([console.seen(probeMark), aborted]);
}

function tailOf(stream: Readable): OutputTail {
  const tail = new OutputTail();
  stream.on("data", (chunk: Buffer) => tail.push(chunk));
  return tail;
}
