import { open, symlink } from "node:fs/promises";
import { join } from "node:path";

import type { SnapshotFiles } from "../../core/snapshot.ts";
import type { VmSpec } from "../../core/vm.ts";
import { runCommand } from "../../os/run-command.ts";
import { openAll } from "../shared/open-all.ts";
import { checkMemory, vmImage } from "../shared/vm-image.ts";
import type { VmLaunch } from "../shared/vm-launch.ts";
import { vmFiles } from "./machine.ts";

/** What a Firecracker is started for. */
export interface FirecrackerStart {
  /** Absolute path of the program. */
  readonly program: string;
  readonly spec: VmSpec;
  readonly runFolder: string;
  /** The snapshot that it is restored from; absent where it boots. */
  readonly from?: SnapshotFiles;
}

/** The first descriptor that a program inherits beside its standard streams. */
const firstFd = 3;

/**
 * How Firecracker is started for a VM. It inherits its files open, since its user may be unable to
 * pass through the folders they are in, and finds them by name: a link to each descriptor.
 */
export async function firecrackerLaunch(start: FirecrackerStart): Promise<VmLaunch> {
  const { program, spec, runFolder, from } = start;
  const paths = await filesOf(spec, from);
  const names = Object.keys(paths);
  await Promise.all(
    names.map((name, index) => symlink(`/proc/self/fd/${firstFd + index}`, join(runFolder, name))),
  );
  await runCommand(["mkfifo", "--mode=600", wakePipe(runFolder)]);
  // Its user opens this one; nobody else can come to it.
  await runCommand(["mkfifo", "--mode=666", join(runFolder, vmFiles.metrics)]);
  await using undo = new AsyncDisposableStack();
  const input = undo.use(await open(wakePipe(runFolder), "r+"));
  const files = await openAll(Object.values(paths));
  undo.move();
  return {
    program: "Firecracker",
    argv: [program, "--id", spec.id, "--api-sock", vmFiles.api, "--level", "Error"],
    env: { PATH: process.env["PATH"] ?? "" },
    files,
    input,
    opensTap: true,
  };
}

/** By the name that Firecracker finds each by. */
async function filesOf(
  spec: VmSpec,
  from: SnapshotFiles | undefined,
): Promise<Readonly<Record<string, string>>> {
  const { kernel, initramfs, rootfs } = vmImage(spec);
  if (from === undefined) {
    return { [vmFiles.kernel]: kernel, [vmFiles.initramfs]: initramfs, [vmFiles.rootfs]: rootfs };
  }
  await checkMemory(from.memory, spec.memoryMib);
  return { [vmFiles.rootfs]: rootfs, [vmFiles.memory]: from.memory, [vmFiles.state]: from.state };
}

/**
 * Where the manager writes what the guest reads at its serial port: Firecracker reads a pipe at its
 * standard input, and no socket, which is what Node.js would make.
 */
export function wakePipe(runFolder: string): string {
  return `${runFolder}.wake`;
}
