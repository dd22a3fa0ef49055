import { chown, type FileHandle, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { finished } from "node:stream/promises";

import { messageOf } from "../../core/errors.ts";
import { ChildEndedError, readyBeforeExit, startChild } from "../../os/child-process.ts";
import { openAll } from "../shared/open-all.ts";
import { OutputTail } from "../shared/output-tail.ts";
import { confined, type VmUser } from "../shared/vm-user.ts";
import { biosCommandLine, probeCommandLine, qmpSocket, type QemuMachine } from "./command-line.ts";
import { counterProgram } from "./counter-program.ts";
import { measureCounterKhz } from "./counter-rate.ts";
import { breakOn, connectTo, QmpConnection } from "./qmp.ts";

/** How long a QEMU that only runs the counter program may take; it takes 0.4 s. */
const counterLimitMs = 10_000;

/** A guest that has not started by then does not start under KVM. */
const kernelLimitMs = 3_000;

/** Kernel and initramfs of a guest that `firelet.probe` makes say `probeMark`. */
export interface ProbeImage {
  readonly kernel: string;
  readonly initramfs: string;
}

const probeMark = "FIRELET-PROBE-OK";
const biosFile = "counter.bin";
const serialSocket = "serial.sock";

/** What a QEMU showed of itself by running the counter program. */
export interface QemuTrial {
  readonly version: string;
  readonly counterKhz: number;
}

/** Nothing was decided in time: the guest may start another time, on a host that is less busy. */
export class TrialTimeoutError extends Error {
  override readonly name = "TrialTimeoutError";
}

/** Runs the counter program in software. Rejects with QEMU's own words where that does not work. */
export async function tryCounter(path: string, user: VmUser | null): Promise<QemuTrial> {
  const machine: QemuMachine = { path, accelerator: "tcg", counterKhz: null };
  const argv = biosCommandLine(machine, biosFile, serialSocket);
  return tryOut({ argv, user, limitMs: counterLimitMs }, async (folder, _console, signal) => {
    using control = await QmpConnection.open(join(folder, qmpSocket), signal);
    const version = versionOf(await control.execute("query-version", signal));
    const port = await connectTo(join(folder, serialSocket), signal);
    using _ = breakOn(port, signal);
    try {
      return { version, counterKhz: await measureCounterKhz(port) };
    } finally {
      port.destroy();
    }
  });
}

/** Starts a kernel under KVM. Rejects with the reason where it does not get to its first program. */
export async function tryKernel(
  path: string,
  image: ProbeImage,
  user: VmUser | null,
): Promise<void> {
  const argv = probeCommandLine({ path, accelerator: "kvm", counterKhz: null });
  const files = await openAll([image.kernel, image.initramfs]);
  await tryOut({ argv, user, limitMs: kernelLimitMs, files }, async (_, console, signal) => {
    const aborted = new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    });
    await Promise.race([console.seen(probeMark), aborted]);
  });
}

interface Trial {
  readonly argv: readonly [string, ...string[]];
  readonly user: VmUser | null;
  readonly limitMs: number;
  readonly files?: readonly FileHandle[];
}

type Proof<T> = (folder: string, console: OutputTail, signal: AbortSignal) => Promise<T>;

/** Starts a QEMU as it would be for a function, and leaves nothing of it when `proof` is done. */
async function tryOut<T>(trial: Trial, proof: Proof<T>): Promise<T> {
  const { argv, user, limitMs, files = [] } = trial;
  await using undo = new AsyncDisposableStack();
  for (const file of files) undo.defer(() => file.close());
  const folder = await mkdtemp(join(tmpdir(), "firelet-probe-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, biosFile), counterProgram());
  if (user !== null) {
    await chown(folder, user.uid, user.gid);
    await chown(join(folder, biosFile), user.uid, user.gid);
  }

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

function tailOf(stream: Readable): OutputTail {
  const tail = new OutputTail();
  stream.on("data", (chunk: Buffer) => tail.push(chunk));
  return tail;
}

/** `query-version` answers `{"qemu": {"major": 7, "minor": 2, "micro": 22}, …}`. */
function versionOf(answer: unknown): string {
  const { qemu } = answer as { qemu: { major: number; minor: number; micro: number } };
  return `QEMU ${qemu.major}.${qemu.minor}.${qemu.micro}`;
}
