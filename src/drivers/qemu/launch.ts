import { type FileHandle, open } from "node:fs/promises";

import type { SnapshotFiles } from "../../core/snapshot.ts";
import { type GuestAddress, guestPort, type VmSpec } from "../../core/vm.ts";
import type { NetworkKind } from "../../ports/network.ts";
import { runCommand } from "../../os/run-command.ts";
import { openAll } from "../shared/open-all.ts";
import { checkMemory, vmImage } from "../shared/vm-image.ts";
import type { VmLaunch } from "../shared/vm-launch.ts";
import { qemuCommandLine, type QemuMachine, type QemuNetwork } from "./command-line.ts";

/** What a QEMU is started for. */
export interface QemuStart {
  readonly machine: QemuMachine;
  readonly spec: VmSpec;
  readonly network: QemuNetwork;
  /** The snapshot that it is restored from; absent where it boots. */
  readonly from?: SnapshotFiles;
}

/** How QEMU is started for a VM; makes the memory file of a template. */
export async function qemuLaunch({ machine, spec, network, from }: QemuStart): Promise<VmLaunch> {
  const { name, vcpus, memoryMib, template } = spec;
  const incoming = from !== undefined;
  const guest = { name, vcpus, memoryMib, network };
  const memory = template !== undefined || incoming ? { shared: !!template, incoming } : undefined;
  const files = await openFiles(spec, from);
  return {
    program: "QEMU",
    argv: qemuCommandLine(machine, memory === undefined ? guest : { ...guest, memory }),
    env: { PATH: process.env["PATH"] ?? "" },
    files,
    agent: true,
    input: true,
  };
}

/** In the order of the descriptors that the command line names. */
async function openFiles(spec: VmSpec, from: SnapshotFiles | undefined): Promise<FileHandle[]> {
  const { template } = spec;
  const image = vmImage(spec);
  if (from !== undefined) await checkMemory(from.memory, spec.memoryMib);
  if (template !== undefined) await makeMemory(template.memory, spec.memoryMib, from);
  await using undo = new AsyncDisposableStack();
  const files: FileHandle[] = [];
  const keep = (opened: FileHandle[]) => {
    for (const file of opened) undo.defer(() => file.close());
    files.push(...opened);
  };
  keep(await openAll([image.kernel, image.initramfs, image.rootfs]));
  const memory = template?.memory ?? from?.memory;
  if (memory !== undefined) keep(await openAll([memory], "r+"));
  if (from !== undefined) keep(await openAll([from.state]));
  undo.move();
  return files;
}

/**
 * Makes the file that holds a template's memory: as it is in the snapshot that the template starts
 * from, or empty. QEMU, which runs as the VM's own user, opens it anew through its descriptor; the
 * folder that it is in is closed to all but the manager.
 */
async function makeMemory(
  path: string,
  memoryMib: number,
  from: SnapshotFiles | undefined,
): Promise<void> {
  if (from !== undefined) {
    await runCommand(["cp", "--reflink=auto", "--sparse=auto", from.memory, path]);
  }
  await using file = await open(path, "a");
  await file.truncate(memoryMib * 2 ** 20);
  await file.chmod(0o666);
}

/** How QEMU is connected in a network of this kind. */
export function qemuNetwork(kind: NetworkKind, address: GuestAddress): QemuNetwork {
  return kind === "namespace" ? { kind: "tap" } : { kind: "user", guestPort, ...address };
}
