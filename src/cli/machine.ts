import type { DriverItem, NetworkItem } from "../api/host.ts";

/** What Firelet needs from the machine and does not have. */
export interface MissingTool {
  readonly command: string;
  readonly package: string;
  readonly why: string;
}

/** What is being done, and how much of it, in percent, where that is known. */
export type Report = (doing: string, percent?: number) => void;

/** Installs system packages; the composition root gives it. */
export interface PackageInstaller {
  /** Why packages cannot be installed from here, to follow "because"; null where they can. */
  whyNot(): string | null;
  /** What a person types to install them. */
  command(packages: readonly string[]): string;
  install(packages: readonly string[], report: Report): Promise<void>;
}

/** A runtime's image as it is on this machine. */
export interface ImageState {
  readonly runtime: string;
  readonly interpreter: string;
  /** Null where it is not built. */
  readonly digest: string | null;
  readonly sizeBytes: number | null;
}

/** Builds and checks the images that VMs start from. */
export interface ImageTools {
  list(): Promise<readonly ImageState[]>;
  /** Builds the named runtimes' images, all where none is named; quick where nothing changed. */
  build(runtimes: readonly string[], report: Report): Promise<readonly ImageState[]>;
  /** What is wrong with each image; an empty list for one that is as it was built. */
  verify(): Promise<readonly { readonly runtime: string; readonly problems: readonly string[] }[]>;
  /** Programs that building needs and this machine lacks. */
  missingTools(): readonly MissingTool[];
}

/** Something of this machine that matters to VMs. */
export interface HostFinding {
  readonly name: string;
  /** `bad` keeps VMs from running under KVM; `advice` makes them slower or less safe. */
  readonly state: "good" | "advice" | "bad";
  readonly found: string;
  /** Why it matters. */
  readonly why: string;
  /** What sets it right, as a person would type it; none where that is for people to decide. */
  readonly steps: readonly string[];
  /** What people do; null where there are steps, or nothing is to be done. */
  readonly advice: string | null;
  /** Takes the steps. Rejects with the first that fails. */
  fix(): Promise<void>;
}

/** What the drivers say about this machine. */
export interface DriverReport {
  readonly drivers: readonly DriverItem[];
  /** The driver that `auto` takes and why; null where none works. */
  readonly choice: { readonly driver: string; readonly reason: string } | null;
  /** What network VMs would have. */
  readonly network: NetworkItem;
  /** The machine itself. */
  readonly host: readonly HostFinding[];
}
