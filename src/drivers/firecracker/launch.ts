import { open, symlink } from "node:fs/promises";
import { join } from "node:path";

import type { SnapshotFiles } from "../../core/snapshot.ts";
import type { VmSpec } from "../../core/vm.ts";
import { runCommand } from "../../os/run-command.ts";
import { openAll } from "../shared/open-all.ts";
import { checkMemory, vmImage } from "../shared/vm-image.ts";
import type { VmLaunch, VmPlace } from "../shared/vm-launch.ts";
import { jailed, smallFileBytes } from "./jail.ts";
import { vmFiles } from "./machine.ts";

/** What a Firecracker is started by. */
export interface FirecrackerPrograms {
  /** Absolute path of Firecracker. */
  readonly program: string;
  /** Absolute path of its jailer; null where VMs are not jailed. */
  readonly jailer: string | null;
}

/** What a Firecracker is started for. */
export interface FirecrackerStart {
  readonly host: FirecrackerPrograms;
  readonly spec: VmSpec;
  readonly place: Pick<VmPlace, "runFolder" | "user">;
  /** The snapshot that it is restored from; absent where it boots. */
  readonly from?: SnapshotFiles;
}

/** The first descriptor that a program inherits beside its standard streams. */
const firstFd = 3;

/** How Firecracker is started for a VM: in a jail, where that can be. */
export async function firecrackerLaunch(start: FirecrackerStart): Promise<VmLaunch> {
  const { spec, place, from } = start;
  const { runFolder } = place;
  const paths = await filesOf(spec, from);
  await Promise.all([
    runCommand(["mkfifo", "--mode=600", wakePipe(runFolder)]),
    // Its user opens this one; nobody else can come to it.
    runCommand(["mkfifo", "--mode=666", join(runFolder, vmFiles.metrics)]),
  ]);
  await using undo = new AsyncDisposableStack();
  const input = undo.use(await open(wakePipe(runFolder), "r+"));
  const way = (await inJail(start, paths)) ?? (await outside(start, paths));
  undo.move();
  return {
    program: "Firecracker",
    env: { PATH: process.env["PATH"] ?? "" },
    input,
    opensTap: true,
    ...way,
  };
}

const words = ["--api-sock", vmFiles.api, "--level", "Error"];

type Way = Pick<VmLaunch, "argv" | "files" | "jails">;

/** Null where VMs are not jailed. */
async function inJail(
  { host, spec, place }: FirecrackerStart,
  paths: Readonly<Record<string, string>>,
): Promise<Way | null> {
  const { user, runFolder: root } = place;
  const { program, jailer } = host;
  if (jailer === null || user === null) return null;
  const written = spec.template === undefined ? 0 : spec.memoryMib * 2 ** 20;
  const fileLimitBytes = smallFileBytes + written;
  const jail = { jailer, program, id: spec.id, user, root, files: paths, fileLimitBytes };
  return { argv: await jailed(jail, words), files: [], jails: true };
}

/**
 * It inherits its files open, since its user may be unable to pass through the folders they are in,
 * and finds them by name: a link to each descriptor.
 */
async function outside(
  { host, spec, place }: FirecrackerStart,
  paths: Readonly<Record<string, string>>,
): Promise<Way> {
  const links = Object.keys(paths).map((name, index) =>
    symlink(`/proc/self/fd/${firstFd + index}`, join(place.runFolder, name)),
  );
  await Promise.all(links);
  const files = await openAll(Object.values(paths));
  return { argv: [host.program, "--id", spec.id, ...words], files };
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
