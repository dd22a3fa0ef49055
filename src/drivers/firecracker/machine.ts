import { tapGuest, type VmSpec } from "../../core/vm.ts";
import { guestWords, lightKernel } from "../shared/guest-words.ts";

/**
 * What Firecracker finds and makes in its working folder, by the same names in every VM: the state
 * of a snapshot has some of them in it, so that a clone finds its own.
 */
export const vmFiles = {
  api: "api.sock",
  kernel: "kernel",
  initramfs: "initramfs",
  rootfs: "rootfs",
  /** Where it reports what its devices did. */
  metrics: "metrics",
  /** The host's end of the guest's vsock. */
  vsock: "vsock.sock",
  /** The snapshot that it is restored from. */
  memory: "memory",
  state: "state",
  /** The snapshot that is taken of it. */
  newMemory: "new-memory",
  newState: "new-state",
} as const;

/** One request to Firecracker's API. */
export type ApiCall = readonly [method: "PUT" | "PATCH", path: string, body: object];

/** Firecracker has a keyboard controller to be reset by, and no keyboard. */
const noKeyboard = ["i8042.noaux", "i8042.nomux", "i8042.dumbkbd"];

/** The words of every kernel's command line. */
const kernelWords = [
  "console=ttyS0",
  "quiet",
  "reboot=k",
  "panic=-1",
  ...noKeyboard,
  ...lightKernel,
];

/** Before all else; it is none of a snapshot's. */
const metricsCall: ApiCall = ["PUT", "/metrics", { metrics_path: vmFiles.metrics }];

/** Reports now; it does so by itself once a minute. */
export const reportCall: ApiCall = ["PUT", "/actions", { action_type: "FlushMetrics" }];

/** What makes the machine of a VM and starts it, in this order. */
export function bootCalls(
  { name, vcpus, memoryMib }: Pick<VmSpec, "name" | "vcpus" | "memoryMib">,
  tap: string,
): readonly ApiCall[] {
  return [
    metricsCall,
    ["PUT", "/machine-config", { vcpu_count: vcpus, mem_size_mib: memoryMib }],
    ["PUT", "/boot-source", bootSource(guestWords(name, "tap"))],
    [
      "PUT",
      "/drives/root",
      // The initramfs mounts it; Firecracker would tell the kernel to.
      { drive_id: "root", path_on_host: vmFiles.rootfs, is_root_device: false, is_read_only: true },
    ],
    [
      "PUT",
      "/network-interfaces/net",
      { iface_id: "net", host_dev_name: tap, guest_mac: tapGuest.mac },
    ],
    ["PUT", "/entropy", {}],
    ["PUT", "/vsock", { guest_cid: 3, uds_path: vmFiles.vsock }],
    ["PUT", "/actions", { action_type: "InstanceStart" }],
  ];
}

function bootSource(words: readonly string[]) {
  return {
    kernel_image_path: vmFiles.kernel,
    initrd_path: vmFiles.initramfs,
    boot_args: [...kernelWords, ...words].join(" "),
  };
}

/** A configuration file for a guest that has no disk, says on its console that it runs, and ends. */
export function probeConfig(): string {
  return JSON.stringify({
    "machine-config": { vcpu_count: 1, mem_size_mib: 128 },
    "boot-source": bootSource(["firelet.probe"]),
    drives: [],
  });
}

/** What restores a VM, which then stands still. The clock is for the wake channel to set. */
export const restoreCalls: readonly ApiCall[] = [
  metricsCall,
  [
    "PUT",
    "/snapshot/load",
    {
      snapshot_path: vmFiles.state,
      mem_backend: { backend_type: "File", backend_path: vmFiles.memory },
      resume_vm: false,
    },
  ],
];

export const resumeCall: ApiCall = ["PATCH", "/vm", { state: "Resumed" }];

/** What stops a VM and writes its snapshot, in this order. */
export const snapshotCalls: readonly ApiCall[] = [
  ["PATCH", "/vm", { state: "Paused" }],
  [
    "PUT",
    "/snapshot/create",
    { snapshot_type: "Full", snapshot_path: vmFiles.newState, mem_file_path: vmFiles.newMemory },
  ],
];
