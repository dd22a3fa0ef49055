import { tapGuest } from "../../core/vm.ts";
import { guestWords, lightKernel } from "../shared/guest-words.ts";
import { tapFd } from "../shared/vm-namespace.ts";

/** Where a QEMU runs its guests' instructions: on the processor, or in software. */
export type Accelerator = "kvm" | "tcg";

/** What is the same for every guest of a host. */
export interface QemuMachine {
  /** Absolute path of the program. */
  readonly path: string;
  readonly accelerator: Accelerator;
  /** Rate of the time stamp counter that an emulated guest sees, in kHz; null where KVM tells it. */
  readonly counterKhz: number | null;
}

export interface QemuGuest {
  readonly name: string;
  readonly vcpus: number;
  readonly memoryMib: number;
  readonly network: QemuNetwork;
  /** For a guest whose memory is in a file: a template, or a clone of a snapshot. */
  readonly memory?: QemuMemory;
}

/** What the guest's network card is connected to. */
export type QemuNetwork =
  /** QEMU's own stack, which lets nothing out: the host's `host`:`port` is the guest's `guestPort`. */
  | {
      readonly kind: "user";
      readonly host: string;
      readonly port: number;
      readonly guestPort: number;
    }
  /** A tap that QEMU inherits, in a namespace that is the guest's way out. */
  | { readonly kind: "tap" };

/** How a guest's memory lies in its file, which QEMU finds open as descriptor 7. */
export interface QemuMemory {
  /** Whether what the guest writes goes to the file; otherwise it is the guest's own, copy on write. */
  readonly shared: boolean;
  /** Whether it waits for the state of a snapshot, and stands still when it has that. */
  readonly incoming: boolean;
}

/** The descriptors at which QEMU finds the socket to the guest's agent, and the files of its guest. */
const agentFd = 3;
const kernelFd = 4;
const rootfsFd = 6;
const memoryFd = 7;
/** Where a guest that is restored reads its state. */
export const incomingFd = 8;
/** Where a guest for a trial, which has no agent, finds its kernel. */
const probeKernelFd = 3;

/** The control socket, in QEMU's working folder. */
export const qmpSocket = "qmp.sock";

type Argv = [string, ...string[]];

/**
 * Starts one function's VM. QEMU finds kernel, initramfs and root file system open as descriptors
 * 4, 5 and 6, since its user may be unable to pass through the folders they are in.
 */
export function qemuCommandLine(machine: QemuMachine, guest: QemuGuest): Argv {
  const { name, vcpus, memoryMib, network, memory } = guest;
  return [
    ...machineArguments(machine, memoryMib, memory),
    ...kernelArguments(machine, kernelFd, [...guestWords(name, network.kind)]),
    ...[
      ["-name", name],
      ["-smp", String(vcpus)],
      ["-add-fd", `fd=${rootfsFd},set=1`],
      ["-drive", "id=root,if=none,format=raw,readonly=on,file=/dev/fdset/1"],
      ["-device", "virtio-blk-device,drive=root"],
      ["-netdev", netdev(network)],
      ["-device", `virtio-net-device,netdev=net,mac=${tapGuest.mac}`],
      ["-object", "rng-random,id=rng,filename=/dev/urandom"],
      ["-device", "virtio-rng-device,rng=rng"],
      ["-device", "virtio-serial-device"],
      ["-chardev", "socket,id=wake,fd=0"],
      ["-device", "virtserialport,chardev=wake,name=firelet.wake"],
      ["-chardev", `socket,id=agent,fd=${agentFd}`],
      ["-device", "virtserialport,chardev=agent,name=firelet.agent"],
      // Standard input and output are a socket each, which the manager holds the other end of.
      ["-chardev", "socket,id=console,fd=1"],
      ["-serial", "chardev:console"],
    ].flat(),
    ...control,
  ];
}

function netdev(network: QemuNetwork): string {
  if (network.kind === "tap") return `tap,id=net,fd=${tapFd}`;
  const { host, port, guestPort } = network;
  return [
    "user",
    "id=net",
    // The guest reaches nothing: not the host's loopback services at 10.0.2.2, no name server,
    // nothing outside. Only connections that the host makes to its forwarded port come in.
    "restrict=on",
    "ipv6=off",
    `hostfwd=tcp:${host}:${port}-:${guestPort}`,
  ].join(",");
}

/** Starts a guest that has no disk, says on its console that it runs, and ends. */
export function probeCommandLine(machine: QemuMachine): Argv {
  return [
    ...machineArguments(machine, 128),
    ...kernelArguments(machine, probeKernelFd, ["firelet.probe"]),
    ...consoleOnStdio,
  ];
}

/** Starts the BIOS image `file` with its serial port at the socket `socket`. */
export function biosCommandLine(machine: QemuMachine, file: string, socket: string): Argv {
  const serial = `unix:${socket},server=on,wait=off`;
  return [...machineArguments(machine, 16), "-bios", file, "-serial", serial, ...control];
}

const consoleOnStdio = ["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"];

const control = [
  ["-chardev", `socket,id=qmp,path=${qmpSocket},server=on,wait=off`],
  ["-mon", "chardev=qmp,mode=control"],
].flat();

/**
 * The processor that is emulated: what Node, Python and OpenSSL make use of, in exact words so that
 * it is the same under another QEMU; 7.2, the oldest, warns of what it cannot emulate. `max` has more for a kernel to set up, and boots 10 % slower.
 */
const emulatedProcessor = [
  "qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+rdrand",
  "+aes,+pclmulqdq,+movbe,+bmi1,+bmi2,+adx",
].join(",");

function machineArguments(
  { path, accelerator, counterKhz }: QemuMachine,
  memoryMib: number,
  memory?: QemuMemory,
): Argv {
  const emulated = accelerator === "tcg";
  const machine = ["microvm", "acpi=on", "rtc=on", "isa-serial=on"];
  // A guest that is told the counter's rate needs no old timer chip to measure it by. One that has
  // to measure fails at it under load, and then waits for ever for a tick of that chip.
  if (counterKhz !== null) machine.push("pit=off", "pic=off");
  if (memory !== undefined) machine.push("memory-backend=memory");
  // A buffer of 64 MiB for translated code is full, and thrown away, before Node has started.
  const translation = "tcg,thread=multi,tb-size=128";
  const flags = [
    ["-nodefaults", "-no-user-config", "-no-reboot"],
    ["-display", "none"],
    ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"],
    ["-M", machine.join(",")],
    ["-accel", emulated ? translation : "kvm"],
    ["-cpu", emulated ? emulatedProcessor : "host"],
    ["-m", `${memoryMib}M`],
    memory === undefined ? [] : memoryArguments(memory, memoryMib),
  ];
  return [path, ...flags.flat()];
}

/** QEMU opens the file anew, to write, also where it only maps a copy of it. */
function memoryArguments({ shared, incoming }: QemuMemory, memoryMib: number): string[] {
  const backend = [
    "memory-backend-file,id=memory",
    `size=${memoryMib}M`,
    `mem-path=/proc/self/fd/${memoryFd}`,
    `share=${shared ? "on" : "off"}`,
  ];
  const waits = incoming ? ["-S", "-incoming", "defer"] : [];
  return ["-object", backend.join(","), ...waits];
}

/** The initramfs is the next descriptor after the kernel's. */
function kernelArguments(
  { counterKhz }: QemuMachine,
  fd: number,
  ours: readonly string[],
): string[] {
  const words = ["console=ttyS0", "quiet", "reboot=t", "panic=-1", ...lightKernel, ...ours];
  // Linux checks that counter against ticks, which a busy host delivers late, and would give it up.
  if (counterKhz !== null) words.push(`tsc_early_khz=${counterKhz}`, "tsc=reliable");
  const flags = [
    ["-kernel", `/proc/self/fd/${fd}`],
    ["-initrd", `/proc/self/fd/${fd + 1}`],
    ["-append", words.join(" ")],
  ];
  return flags.flat();
}
