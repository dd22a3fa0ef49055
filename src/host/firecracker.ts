import { isBefore } from "../lib/version-order.ts";
import type { HostCheck, HostView, Release } from "./host-check.ts";

/**
 * The release of Firecracker that a host gets, the same for all: with the checksum that its project
 * publishes beside it.
 */
export const firecrackerRelease: Release = {
  name: "Firecracker 1.16.1",
  archive:
    "https://github.com/firecracker-microvm/firecracker/releases/download/v1.16.1/firecracker-v1.16.1-x86_64.tgz",
  sha256: "382a02a869e4d6d5cb14c40577f9545e8458021ea8b0b2d3fc10ec14d9c242e6",
  programs: {
    "/usr/local/bin/firecracker": "release-v1.16.1-x86_64/firecracker-v1.16.1-x86_64",
    "/usr/local/bin/jailer": "release-v1.16.1-x86_64/jailer-v1.16.1-x86_64",
  },
};

/** The first version of which no fault is known that concerns Firelet. */
const wanted = [1, 16, 1];

/** Where the manager looks for the two. */
export interface FirecrackerPlaces {
  /** `firecracker`, unless a setting says otherwise. */
  readonly program: string;
  /** The archive of the release as a file, for a host that cannot get it; undefined is none. */
  readonly archive?: string | undefined;
}

/** Whether Firecracker is there. One that is there, of whatever version, is for people to replace. */
export async function checkFirecracker(
  host: HostView,
  { program, archive = firecrackerRelease.archive }: FirecrackerPlaces,
): Promise<HostCheck> {
  const about = {
    name: "Firecracker",
    why: "VMs start faster in it, and have a jail and a smaller VMM between them and the host.",
  };
  const said = await host.versionOf(program);
  if (said === null) {
    const missing = { ...about, state: "advice", found: `no ${program}` } as const;
    if (!(await host.exists("/dev/kvm"))) {
      return { ...missing, steps: [], advice: "Make KVM work first, then run this again" };
    }
    if (program !== "firecracker") {
      return { ...missing, steps: [], advice: "Put it there, or change firecrackerPath" };
    }
    return { ...missing, steps: [{ install: { ...firecrackerRelease, archive } }] };
  }
  const [version] = /\d+\.\d+\.\d+/.exec(said) ?? [];
  const found = version ?? `${program} does not say its version`;
  if (version !== undefined && !isBefore(version.split(".").map(Number), wanted)) {
    return { ...about, state: "good", found, steps: [] };
  }
  const advice = `Replace it with ${wanted.join(".")} or newer, which mends faults that Firelet knows of`;
  return { ...about, state: "advice", found, steps: [], advice };
}
