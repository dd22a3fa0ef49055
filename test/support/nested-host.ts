import { spawn } from "node:child_process";
import { createWriteStream, existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";

import { probeQemu } from "../../src/drivers/qemu/probe.ts";
import { cpioArchive } from "../../src/images/cpio.ts";
import { imagesFolder, kernelPart, readPart } from "../../src/images/image-files.ts";
import { resolveModules } from "../../src/images/kernel-modules.ts";
import { findProgram } from "../../src/os/find-program.ts";
import { runCommand } from "../../src/os/run-command.ts";
import { testImagesDir } from "./vm-images.ts";
import { waitUntil } from "./wait-until.ts";

/*
 * A host with KVM where there is none: a QEMU that emulates a processor with AMD's virtualization,
 * in which KVM works, slowly. It boots the kernel that functions get, and sees all files of this
 * host, to read, so that what is tested runs in it as it does here.
 */

const virtioFsPlaces = ["/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd"];
const virtioFs = virtioFsPlaces.find((path) => existsSync(path));

/** Why there is no nested host; null where there can be one. */
export function whyNoNestedHost(): string | null {
  if (process.geteuid?.() !== 0) return "it shares the files of this host, which takes root";
  if (findProgram("qemu-system-x86_64") === null) return "QEMU is not installed";
  return virtioFs === undefined ? "there is no virtiofsd, which comes with QEMU" : null;
}

export interface NestedRun {
  /** Shell commands, which end at the first that fails. */
  readonly script: string;
  readonly limitMs: number;
  /** Where what it prints is kept, as it comes. */
  readonly log: string;
}

/** What a nested host printed, and the status of the script; null where it came to no end. */
export interface NestedResult {
  readonly status: number | null;
  readonly output: string;
}

/** The first lines of every script: what a host has that VMs are run on. */
const setUp = `
export PATH=${dirname(process.execPath)}:$PATH:/usr/sbin:/sbin:/run/bin HOME=/root TERM=dumb
echo /run/bin/modprobe >/proc/sys/kernel/modprobe
ip link set lo up
depmod -a
modprobe kvm ignore_msrs=1 report_ignored_msrs=0
modprobe kvm-amd
modprobe tun
# As udev does it.
chmod 666 /dev/net/tun
chgrp 36 /dev/kvm
chmod 660 /dev/kvm
`;

const statusMark = "nested-host: status";

/** Starts a nested host for one script, and ends it. */
export async function runNested({ script, limitMs, log }: NestedRun): Promise<NestedResult> {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "firelet-nested-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const { kernel, packages } = await kernelFiles();
  await runCommand(["dpkg-deb", "--extract", packages.kernel, folder]);
  await runCommand(["dpkg-deb", "--extract", packages.busybox, folder]);
  await writeFile(join(folder, "initramfs"), await packInitramfs(folder, script));

  const socket = join(folder, "files.sock");
  const choices = ["source=/", "sandbox=chroot", "cache=always", "xattr", "log_level=err"];
  const files = startWithDeadline(limitMs, [
    virtioFs ?? "",
    `--socket-path=${socket}`,
    ...choices.flatMap((choice) => ["-o", choice]),
  ]);
  undo.defer(() => void files.kill("SIGKILL"));
  await waitUntil("virtiofsd listens", () => existsSync(socket));
  const argv = await machine({ kernel, initramfs: join(folder, "initramfs"), socket });
  const qemu = startWithDeadline(limitMs, argv);
  undo.defer(() => void qemu.kill("SIGKILL"));
  await mkdir(dirname(log), { recursive: true });
  await pipeline(qemu.stdout, createWriteStream(log));
  const output = await readFile(log, "utf8");
  const [, status] = new RegExp(`^${statusMark} (\\d+)`, "m").exec(output) ?? [];
  return { status: status === undefined ? null : Number(status), output };
}

function startWithDeadline(limitMs: number, argv: readonly string[]) {
  // Each ends with whom it was started by.
  const die = ["setpriv", "--pdeathsig", "KILL", "--"];
  const command = ["timeout", "--signal=KILL", String(limitMs / 1000), ...die, ...argv];
  return spawn("setpriv", [...die.slice(1), ...command], { stdio: ["ignore", "pipe", "ignore"] });
}

/** The kernel that functions get, and the packages that it and its busybox came from. */
async function kernelFiles() {
  const part = await readPart(imagesFolder(testImagesDir), kernelPart);
  if (part === null) throw new Error("No kernel is built");
  const packageOf = (name: RegExp) => {
    const digest = part.manifest.packages.find((each) => name.test(each.name))?.digest ?? "";
    return join(testImagesDir, "cache/debian", `${digest.replace("sha256:", "")}.deb`);
  };
  return {
    kernel: join(part.folder, part.manifest.outputs["kernel"]?.file ?? ""),
    packages: { kernel: packageOf(/^linux-image/), busybox: packageOf(/^busybox/) },
  };
}

async function packInitramfs(folder: string, script: string): Promise<Uint8Array> {
  const modulesFolder = join(folder, "lib/modules");
  const wanted = ["virtio_mmio", "virtiofs", "overlay", "virtio_rng"];
  const modules = await resolveModules(modulesFolder, wanted);
  const command = `(set -e\n${setUp}\n${script}\n)\necho "${statusMark} $?"\necho b >/proc/sysrq-trigger\n`;
  return cpioArchive([
    ...["bin", "dev", "lower", "modules", "proc", "root", "upper"].map((path) => ({
      path,
      kind: "folder" as const,
    })),
    { path: "dev/console", kind: "character-device", major: 5, minor: 1 },
    file("bin/busybox", await readFile(join(folder, "bin/busybox")), true),
    file("init", await readFile(join(import.meta.dirname, "nested-init")), true),
    file("command", command),
    ...modules.map(({ name, content }) => file(`modules/${name}.ko`, content)),
    file("modules/order", modules.map(({ name }) => `${name}.ko\n`).join("")),
    file("modules/folder", `${modulesFolder}\n`),
  ]);
}

function file(path: string, content: string | Uint8Array, executable = false) {
  return { path, kind: "file" as const, content: Buffer.from(content), executable };
}

interface MachineFiles {
  readonly kernel: string;
  readonly initramfs: string;
  readonly socket: string;
}

const memory = "4096M";

async function machine({ kernel, initramfs, socket }: MachineFiles): Promise<string[]> {
  const qemuPath = "qemu-system-x86_64";
  const host = await probeQemu({
    dataDir: testImagesDir,
    qemuPath,
    accelerator: "tcg",
    image: null,
  });
  // A kernel that measures the rate of its counter fails at it on a busy host. A timer that is set
  // for each time anew gets lost when guests come and go, and with it the host; ticks do not.
  const clock = `tsc_early_khz=${host.machine?.counterKhz} tsc=reliable nohz=off highres=off`;
  const flags = [
    ["-nodefaults", "-no-user-config", "-no-reboot"],
    ["-display", "none"],
    ["-M", "microvm,acpi=on,rtc=on,pit=off,pic=off,memory-backend=memory"],
    ["-accel", "tcg,tb-size=1024"],
    ["-cpu", "EPYC,+svm,+npt"],
    // With two, and a guest on each, emulation corrupts what a processor comes back to from its guest.
    ["-smp", "1"],
    ["-m", memory],
    // virtiofsd reads and writes the guest's memory.
    ["-object", `memory-backend-memfd,id=memory,size=${memory},share=on`],
    ["-global", "virtio-mmio.force-legacy=false"],
    ["-chardev", `socket,id=files,path=${socket}`],
    ["-device", "vhost-user-fs-device,chardev=files,tag=host"],
    ["-object", "rng-random,id=rng,filename=/dev/urandom"],
    ["-device", "virtio-rng-device,rng=rng"],
    ["-kernel", kernel],
    ["-initrd", initramfs],
    ["-append", `console=ttyS0 quiet reboot=t panic=-1 ${clock}`],
    ["-chardev", "stdio,id=console,signal=off"],
    ["-serial", "chardev:console"],
  ];
  return [qemuPath, ...flags.flat()];
}
