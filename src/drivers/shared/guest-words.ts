import { tapGuest } from "../../core/vm.ts";

/** What takes a guest's time and 8 MiB of its memory: files to trace the kernel with, tests of ciphers. */
export const lightKernel = ["initcall_blacklist=tracer_init_tracefs", "cryptomgr.notests"];

/** How a guest is connected; one without a way out is told of none, and fails at once. */
const networkWords: Readonly<Record<"user" | "tap", readonly string[]>> = {
  // Where QEMU's user network puts its only guest.
  user: ["firelet.ip=10.0.2.15/24"],
  tap: [
    `firelet.ip=${tapGuest.address}/${tapGuest.prefix}`,
    `firelet.gateway=${tapGuest.gateway}`,
    `firelet.dns=${tapGuest.gateway}`,
  ],
};

/** The words of a kernel's command line that init reads: see guest/init/init. */
export function guestWords(name: string, network: "user" | "tap"): readonly string[] {
  return [...networkWords[network], `firelet.hostname=${hostName(name)}`];
}

/** What Linux takes as the name of a host: 64 bytes, of which DNS allows 63 in a label. */
function hostName(name: string): string {
  return name.slice(0, 63).replace(/-+$/, "");
}
